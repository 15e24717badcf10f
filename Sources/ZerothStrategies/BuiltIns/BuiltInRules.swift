import Zeroth
import ZerothSupport

extension OptionSpec {
  /// The options that every rule has: eta, its schedule, and the weight decay. `learningRate()` and `weightDecay()`
  /// read them.
  public static let stepRule: [OptionSpec] = [
    OptionSpec(
      "learning-rate", .double, default: .required, range: Schedule.baseRange,
      "eta, at its highest; `auto` for one that train measures before the first step"),
    OptionSpec(
      "schedule", .choice(Schedule.Shape.allCases.map(\.rawValue)), default: .value(.string(usual.shape.rawValue)),
      "how eta falls after the warm-up"),
    OptionSpec(
      "warmup", .int, default: .value(.int(usual.warmup)), range: Schedule.warmupRange, unit: "steps",
      "linear warm-up of eta"),
    OptionSpec(
      "final", .double, default: .value(.double(usual.final)), range: Schedule.finalRange, when: .fallingSchedule,
      "the part of eta that is left at the end of the schedule"),
    OptionSpec(
      "schedule-steps", .int, default: .derived("the run's steps") { $0.run["steps"] }, range: Schedule.stepsRange,
      unit: "steps", when: .fallingSchedule, "the step at which eta has reached its end"),
    OptionSpec(
      "schedule-drops", .string, default: .required, when: .dropSchedule,
      "the steps from which on eta is multiplied, and by what, such as '300=0.1, 600=0.1'"),
    OptionSpec(
      "weight-decay", .double, default: .value(.double(WeightDecay.none.rate)), range: WeightDecay.rateRange,
      "lambda of theta -= eta lambda theta, on all blocks of more than one column: not on norms and biases"),
  ]

  /// The schedule whose values are the defaults of the options.
  private static let usual: Schedule = 0.0

  /// The option for beta of a momentum, with the default of `Momentum`.
  public static let beta = beta(default: usualMomentum.beta)

  /// The option for beta of a momentum whose initialiser has the default `value`.
  public static func beta(
    default value: Double, range: NumericRange = Momentum<DenseDirection>.betaRange
  ) -> OptionSpec {
    OptionSpec(
      "beta", formerNames: ["decay"], .double, default: .value(.double(value)), range: range,
      "beta, the part of the momentum that a step keeps")
  }
}

extension OptionSpec {
  /// The options for the second moment of a rule whose initialiser has these defaults.
  public static func secondMoment(
    beta2: Double, _ beta2Range: NumericRange, stability: Double, _ stabilityRange: NumericRange
  ) -> [OptionSpec] {
    [
      OptionSpec(
        "beta2", formerNames: ["second-decay"], .double, default: .value(.double(beta2)), range: beta2Range,
        "beta of the second moment, the part of it that a step keeps"),
      OptionSpec(
        "stability", .double, default: .value(.double(stability)), range: stabilityRange,
        "zeta, beside the root of the second moment"),
    ]
  }
}

extension OptionSpec.Condition {
  /// Holds where eta falls after the warm-up.
  static let fallingSchedule = Self("schedule = linear or cosine") { options in
    guard case .string(let name)? = options["schedule"] else { return false }
    return Schedule.Shape(rawValue: name)?.hasLength ?? false
  }
  /// Holds where eta is multiplied at given steps.
  static let dropSchedule = Self("schedule = steps") { $0["schedule"] == .string(Schedule.Shape.steps.rawValue) }
}

extension OptionValues {
  /// The learning rate eta that the options in `OptionSpec.stepRule` describe.
  public func learningRate() throws(InputError) -> Schedule {
    let base = try double("learning-rate")
    let warmup = try int("warmup")
    let shape: Schedule.Shape = try choice("schedule")
    switch shape {
    case .constant: return Schedule(base, warmup: warmup)
    case .linear, .cosine:
      return Schedule(base, shape, steps: try int("schedule-steps"), warmup: warmup, final: try double("final"))
    case .inverseSquareRoot: return Schedule(base, shape, warmup: warmup)
    case .steps:
      let text = try string("schedule-drops")
      guard let schedule = Schedule(parsing: "steps(1, warmup=\(warmup), \(text))") else {
        throw InputError(
          "\(subject): schedule-drops", found: "'\(text)'",
          expected: "steps in their order, each with a factor, such as '300=0.1, 600=0.1'")
      }
      return Schedule(base, .steps, warmup: warmup, drops: schedule.drops)
    }
  }

  /// The weight decay lambda that the options in `OptionSpec.stepRule` describe.
  ///
  /// Where LoRA is trained, norms and biases are left out by their roles: B of rank 1 has one column too, and decays.
  public func weightDecay() throws(InputError) -> WeightDecay {
    let rate = try double("weight-decay")
    return run["tuning"] == "lora" ? WeightDecay(rate, excluding: .roles("norm", "bias")) : WeightDecay(rate)
  }
}

extension Registry {
  mutating func registerRules() throws(InputError) {
    try register(rule: SGDFactory())
    try register(rule: MomentumFactory())
    try register(rule: LowRankMomentumFactory())
    try register(rule: AdamFactory())
  }
}

private struct SGDFactory: RuleFactory {
  let description = StrategyDescription(
    "sgd", summary: "Plain steps against the estimate", formula: "theta -= eta (g + lambda theta)",
    source: "MeZO (Malladi et al. 2023)", options: OptionSpec.stepRule)

  func make<D: Direction>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
    SGD<D>(learningRate: try options.learningRate(), weightDecay: try options.weightDecay())
  }
}

/// The rules with the default options of their initialisers.
private let usualMomentum = Momentum<DenseDirection>(learningRate: 0.0)
private let usualLowRankMomentum = LowRankMomentum<LowRankProbe>(learningRate: 0.0)

private struct MomentumFactory: RuleFactory {
  let description = StrategyDescription(
    "momentum", summary: "Stored momentum, as a moving average or heavy-ball",
    formula: "ema: m = beta m + (1 - beta) g;  heavy-ball: m = beta m + g;  theta -= eta m",
    source: "LOZO; Polyak 1964",
    options: OptionSpec.stepRule + [
      .beta,
      OptionSpec(
        "form", .choice(Momentum<DenseDirection>.Form.allCases.map(\.rawValue)),
        default: .value(.string(usualMomentum.form.rawValue)),
        "which recursion m follows; heavy-ball makes steps 1/(1 - beta) times as large"),
    ],
    state: "1 per trainable parameter")

  func make<D: Direction>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
    Momentum<D>(
      learningRate: try options.learningRate(), beta: try options.double("beta"), form: try options.choice("form"),
      weightDecay: try options.weightDecay())
  }
}

private struct LowRankMomentumFactory: LowRankRuleFactory {
  let description = StrategyDescription(
    "lozo-m", aliases: ["low-rank-momentum"], summary: "Momentum kept in the left factor of low-rank directions",
    formula: "N = beta N + (1 - beta) c U;  W -= eta N V^T / r;  N re-expressed when V is drawn again", source: "LOZO",
    options: OptionSpec.stepRule + [
      .beta(default: usualLowRankMomentum.beta, range: LowRankMomentum<LowRankProbe>.betaRange),
      OptionSpec(
        "refresh", .choice(LowRankMomentum<LowRankProbe>.Refresh.allCases.map(\.rawValue)),
        default: .value(.string(usualLowRankMomentum.refresh.rawValue)),
        "how N is carried over to a new V: by least squares, with V^T V taken as n I, or not at all"),
    ],
    state: "r/n per parameter of an m x n matrix, 1 per parameter of a vector")

  func makeLowRank<D: LowRankDirection>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
    LowRankMomentum<D>(
      learningRate: try options.learningRate(), beta: try options.double("beta"),
      refresh: try options.choice("refresh"), weightDecay: try options.weightDecay())
  }
}

private let usualAdam = Adam<DenseDirection>(learningRate: 0.0)

private struct AdamFactory: RuleFactory {
  let description = StrategyDescription(
    "adam", summary: "Adam on the estimate, with stored moments and decoupled weight decay",
    formula:
      "m = beta m + (1 - beta) g;  v = beta_2 v + (1 - beta_2) g^2;  theta -= eta m^ / (sqrt(v^) + zeta), ^ bias-corrected",
    source: "Kingma and Ba 2015",
    options: OptionSpec.stepRule + [.beta(default: usualAdam.beta, range: Adam<DenseDirection>.betaRange)]
      + OptionSpec.secondMoment(
        beta2: usualAdam.beta2, Adam<DenseDirection>.beta2Range, stability: usualAdam.stability,
        Adam<DenseDirection>.stabilityRange),
    state: "2 per trainable parameter")

  func make<D: Direction>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
    Adam<D>(
      learningRate: try options.learningRate(), beta: try options.double("beta"),
      beta2: try options.double("beta2"), stability: try options.double("stability"),
      weightDecay: try options.weightDecay())
  }
}
