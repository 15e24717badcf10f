import Zeroth
import ZerothSupport

extension OptionSpec {
  /// The option for eps of an estimator, with RGE's default.
  public static let epsilon = epsilon(default: RandomizedEstimator().epsilon)
  /// The option for q of an estimator, with RGE's default.
  public static let queries = queries(default: RandomizedEstimator().queries)
  /// The option for two-sided or one-sided differences, with RGE's default.
  public static let sides = sides(default: RandomizedEstimator().sides)
  /// The option for the distribution of z, with RGE's default.
  public static let distribution = distribution(default: RandomizedEstimator().distribution)

  /// The option for eps of an estimator whose initialiser has the default `value`.
  public static func epsilon(
    default value: Schedule, range: NumericRange = RandomizedEstimator.epsilonRange
  ) -> OptionSpec {
    OptionSpec(
      "epsilon", formerNames: ["smoothing"], .schedule, default: .value(.double(value.base)), range: range,
      unit: "units of the parameters",
      "eps, how far from theta the losses are measured; `auto` for one that train measures")
  }

  /// The option for q of an estimator whose initialiser has the default `value`.
  public static func queries(
    default value: Schedule, range: NumericRange = RandomizedEstimator.queriesRange
  ) -> OptionSpec {
    OptionSpec(
      "queries", .countSchedule, default: .value(.int(value.count(at: 0))), range: range,
      "q, the directions that are averaged in a step")
  }

  /// The option for two-sided or one-sided differences of an estimator whose initialiser has the default `value`.
  public static func sides(default value: DifferenceSides) -> OptionSpec {
    OptionSpec(
      "sides", .choice(DifferenceSides.allCases.map(\.rawValue)), default: .value(.string(value.rawValue)),
      "losses at theta + eps z and theta - eps z (error O(eps^2)), or at theta and theta + eps z (O(eps), cheaper for "
        + "q > 1)")
  }

  /// The option for the distribution of z, for an estimator whose initialiser has the default `value` and accepts
  /// `choices`.
  public static func distribution(
    default value: NoiseDistribution, among choices: [NoiseDistribution] = NoiseDistribution.allCases
  ) -> OptionSpec {
    OptionSpec(
      "distribution", .choice(choices.map(\.rawValue)), default: .value(.string(value.rawValue)),
      "how z is drawn; E[z z^T] = I whichever is chosen")
  }
}

extension OptionSpec {
  /// The options for how an estimator with several queries weighs them: the shaping, the limit of `clip`, and the
  /// combination of the queries. `shaping()` and `combination()` read them.
  public static let queryWeights: [OptionSpec] =
    shaping + [
      OptionSpec(
        "combination", .choice(QueryCombination.allCases.map(\.rawValue)),
        default: .value(.string(RandomizedEstimator().combination.rawValue)),
        "how the q queries make one estimate: 1/q sum c z, sum c z, or the part of the gradient in the span of the z (weights "
          + "(Z^T Z)^-1 c, at rates d times as high)")
    ]

  /// The options for the shaping of coefficients: its name, and the limit of `clip`. `shaping()` reads them.
  public static let shaping: [OptionSpec] = [
    OptionSpec(
      "shaping", .choice(CoefficientShaping.Word.allCases.map(\.rawValue)),
      default: .value(.string(RandomizedEstimator().shaping.word.rawValue)),
      "what is made of the coefficients c of a step: nothing, their distance from the mean in deviations, their rank from -1/2 "
        + "to 1/2, their sign, or c within a limit"),
    OptionSpec(
      "clip-limit", .double, default: .value(.double(100)), range: CoefficientShaping.limitRange, when: .clipping,
      "the largest |c|, in units of a projected gradient"),
  ]
}

extension OptionSpec.Condition {
  /// Holds where coefficients are clipped.
  fileprivate static let clipping = Self("shaping = clip") { $0["shaping"] == "clip" }
}

extension OptionValues {
  /// The shaping of coefficients that the options in `OptionSpec.queryWeights` describe.
  public func shaping() throws(InputError) -> CoefficientShaping {
    CoefficientShaping(try choice("shaping"), limit: try double("clip-limit"))
  }

  /// The combination of queries that the options in `OptionSpec.queryWeights` describe.
  public func combination() throws(InputError) -> QueryCombination { try choice("combination") }
}

extension OptionSpec {
  /// The options for r and nu, with the defaults of LGE.
  static let lowRank: [OptionSpec] = [
    OptionSpec(
      "rank", .int, default: .value(.int(LowRankEstimator().rank)), range: LowRankEstimator.rankRange,
      "r; cut to the smaller side of a block, which is then printed"),
    OptionSpec(
      "interval", .int, default: .value(.int(LowRankEstimator().interval)), range: LowRankEstimator.intervalRange,
      unit: "steps",
      "nu, after how many steps V is drawn again"),
  ]
}

extension Registry {
  mutating func registerEstimators() throws(InputError) {
    let rge = RandomizedEstimator()
    try register(
      estimator: StrategyDescription(
        "rge", aliases: ["randomized"], summary: "Randomised gradient estimate along dense random directions",
        formula: "g = 1/q sum_i c_i z_i,  c_i = (L(theta + eps z_i) - L(theta - eps z_i)) / (2 eps)",
        source: "MeZO (Malladi et al. 2023)",
        options: [
          .epsilon(default: rge.epsilon), .queries(default: rge.queries), .sides(default: rge.sides),
          .distribution(default: rge.distribution),
        ] + OptionSpec.queryWeights,
        forwards: "2q, or q + 1 one-sided")
    ) { options in
      RandomizedEstimator(
        epsilon: try options.schedule("epsilon"), queries: try options.schedule("queries"),
        sides: try options.choice("sides"), distribution: try options.choice("distribution"),
        shaping: try options.shaping(), combination: try options.combination())
    }
    let lge = LowRankEstimator()
    try register(
      estimator: StrategyDescription(
        "lge", aliases: ["low-rank"], summary: "Low-rank gradient estimate with a lazily drawn right factor",
        formula:
          "g = c U V^T / r,  c = (L(theta + eps U V^T) - L(theta - eps U V^T)) / (2 eps);  plain noise on vectors",
        source: "LOZO",
        options: OptionSpec.lowRank + [
          .epsilon(default: lge.epsilon, range: LowRankEstimator.epsilonRange),
          .queries(default: lge.queries, range: LowRankEstimator.queriesRange), .sides(default: lge.sides),
        ] + OptionSpec.queryWeights,
        forwards: "2q, or q + 1 one-sided")
    ) { options in
      LowRankEstimator(
        rank: try options.int("rank"), interval: try options.int("interval"),
        epsilon: try options.schedule("epsilon"), queries: try options.schedule("queries"),
        sides: try options.choice("sides"), shaping: try options.shaping(), combination: try options.combination())
    }
    try register(
      estimator: StrategyDescription(
        "cge", aliases: ["coordinate"], summary: "Coordinate-wise gradient estimate, exact up to O(eps^2)",
        formula: "g = sum_{i in S} c_i e_i,  c_i = (L(theta + eps e_i) - L(theta - eps e_i)) / (2 eps)",
        source: "coordinate-wise finite differences (Kiefer and Wolfowitz 1952)",
        options: [
          OptionSpec(
            "coordinates", .intOr("all"), default: .value("all"), range: CoordinateEstimator.coordinatesRange,
            "|S|: all trainable coordinates, or so many drawn at each step and scaled by d/|S|"),
          .epsilon(default: CoordinateEstimator().epsilon, range: CoordinateEstimator.epsilonRange),
        ] + OptionSpec.shaping,
        forwards: "2|S|", state: "none kept; |S| during a step")
    ) { options in
      var coordinates = CoordinateEstimator.Coordinates.all
      if case .int(let count)? = options["coordinates"] { coordinates = .random(count) }
      return CoordinateEstimator(
        coordinates, epsilon: try options.schedule("epsilon"), shaping: try options.shaping())
    }
    try registerDerivatives()
  }

  /// Adds the estimators that need a gradient.
  private mutating func registerDerivatives() throws(InputError) {
    try register(
      estimator: StrategyDescription(
        "gradient", aliases: ["exact-gradient"],
        summary: "The gradient itself, by reverse mode: first-order fine-tuning",
        formula: "g = grad L(theta)", source: "back-propagation",
        forwards: "3: a gradient takes about as much as three", state: "1 per trainable parameter")
    ) { _ in ExactGradient() }
    let forward = ForwardGradient()
    try register(
      estimator: StrategyDescription(
        "forward-gradient", summary: "RGE with exact slopes, by forward mode",
        formula: "g = 1/q sum_i <grad L(theta), z_i> z_i", source: "Baydin et al. 2022",
        options: [.queries(default: forward.queries, range: ForwardGradient.queriesRange), .distribution]
          + OptionSpec.queryWeights,
        forwards: "2q: a slope takes about as much as two")
    ) { options in
      ForwardGradient(
        queries: try options.schedule("queries"), distribution: try options.choice("distribution"),
        shaping: try options.shaping(), combination: try options.combination())
    }
    try register(
      estimator: StrategyDescription(
        "low-rank-forward-gradient", summary: "LGE with exact slopes, by forward mode",
        formula: "g = <grad L(theta), U V^T> U V^T / r;  plain noise on vectors", source: "Baydin et al. 2022; LOZO",
        options: OptionSpec.lowRank + [.queries(default: forward.queries, range: LowRankEstimator.queriesRange)]
          + OptionSpec.queryWeights,
        forwards: "2q: a slope takes about as much as two")
    ) { options in
      LowRankForwardGradient(
        rank: try options.int("rank"), interval: try options.int("interval"),
        queries: try options.schedule("queries"), shaping: try options.shaping(),
        combination: try options.combination())
    }
  }
}
