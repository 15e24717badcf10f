/// The forward gradient (Baydin et al. 2022): RGE with exact slopes, computed by forward mode:
///
///     g = 1/q sum_i <grad L(theta), z_i> z_i
///
/// It has no epsilon and so no error of a finite difference. It is unbiased because E[z z^T] = I. A slope counts as two
/// forward passes, because the derivative is computed together with the values. Cost: no stored floats, and no stored
/// activations.
public struct ForwardGradient: GradientEstimator {
  /// The direction z, made again from a key.
  public typealias Direction = DenseDirection
  /// The estimator needs directional derivatives of the objective.
  public typealias Needs = Derivatives

  /// q >= 1 over the steps: the number of directions of a step.
  public var queries: Schedule
  /// How the directions are drawn.
  public let distribution: NoiseDistribution
  /// How the slopes of a step are shaped. Both a slope and its negative are members of the population, as with
  /// two-sided queries.
  public let shaping: CoefficientShaping
  /// How the queries of a step become one estimate.
  public let combination: QueryCombination

  /// What `queries` takes.
  public static let queriesRange = RandomizedEstimator.queriesRange

  /// The forward gradient along `queries` directions in each step.
  public init(
    queries: Schedule = 1, distribution: NoiseDistribution = .gaussian, shaping: CoefficientShaping = .none,
    combination: QueryCombination = .mean
  ) {
    self.queries = queries
    self.distribution = distribution
    self.shaping = shaping
    self.combination = combination
  }

  /// Throws `InputError` when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try queries.validate("queries", Self.queriesRange, isCount: true)
    try shaping.validate(queries: queries, sides: .two)
    try combination.validate(queries: queries)
  }

  /// The smallest q of any step.
  public var fewestQueries: Int { queries.fewest }

  /// 2q forward passes.
  public func forwards(at step: Int, in layout: ParameterLayout) -> Int { 2 * queries.count(at: step) }

  /// Saves or restores the options. There is no other state.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("distribution", distribution.rawValue)
    try state.require("shaping", "\(shaping)")
    try state.require("combination", combination.rawValue)
    try state.code("queries", &queries)
  }

  /// Computes the slopes along q directions, whose keys depend on the step and the query. Throws `InputError` for an
  /// objective without derivatives.
  public mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws -> GradientEstimate<DenseDirection> {
    let directions = Few(count: queries.count(at: context.step)) { query in
      DenseDirection(context.key.child(.query, query), distribution: distribution, layout: context.layout)
    }
    return try exactSlopes(
      of: objective, at: theta, along: directions, on: context.batch, shaping: shaping, combination: combination)
  }
}

/// The forward gradient along low-rank directions: LGE with exact slopes,
///
///     g = <grad L(theta), U V^T> U V^T / r,    V drawn every nu steps; plain noise on vectors
///
/// U V^T is never formed: its derivative goes through a layer as two thin products. A slope counts as two forward
/// passes. Cost: no stored floats, and no stored activations.
public struct LowRankForwardGradient: GradientEstimator {
  /// U V^T on matrices and z on vectors, made again from two keys.
  public typealias Direction = LowRankProbe
  /// The estimator needs directional derivatives of the objective.
  public typealias Needs = Derivatives

  /// The LGE that draws the directions. It has all options of this estimator; its epsilon and sides are not used.
  private var probes: LowRankEstimator

  /// The rank r >= 1.
  public var rank: Int { probes.rank }
  /// The interval nu >= 1: V is drawn anew every nu steps.
  public var interval: Int { probes.interval }
  /// q >= 1 over the steps: the number of directions of a step.
  public var queries: Schedule { probes.queries }

  /// The forward gradient along `queries` directions of rank `rank`, with the defaults of LGE.
  public init(
    rank: Int = 2, interval: Int = 50, queries: Schedule = 1, shaping: CoefficientShaping = .none,
    combination: QueryCombination = .mean
  ) {
    probes = LowRankEstimator(
      rank: rank, interval: interval, queries: queries, shaping: shaping, combination: combination)
  }

  /// Throws `InputError` when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) { try probes.validate(layout) }

  /// The smallest q of any step.
  public var fewestQueries: Int { probes.fewestQueries }

  /// Names the blocks where the rank is cut, as LGE does.
  public func notes(in layout: ParameterLayout) -> [String] { probes.notes(in: layout) }

  /// 2q forward passes.
  public func forwards(at step: Int, in layout: ParameterLayout) -> Int { 2 * queries.count(at: step) }

  /// Saves or restores the options. There is no other state, because V follows from the step.
  public mutating func codeState(_ state: StateCoder) throws(InputError) { try probes.codeState(state) }

  /// Computes the slopes along U V^T. Throws `InputError` for an objective without derivatives.
  public mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws -> GradientEstimate<LowRankProbe> {
    let directions = probes.directions(context)
    var estimate = try exactSlopes(
      of: objective, at: theta, along: directions, on: context.batch, shaping: probes.shaping,
      combination: probes.combination)
    // The weights of least squares belong to the directions as they were measured, without the factor 1/r.
    if probes.combination == .leastSquares { return estimate }
    for i in estimate.terms.indices { estimate.terms[i].direction = probes.estimated(directions[i]) }
    return estimate
  }
}

/// The estimate 1/q sum_i <grad L, D_i> D_i over the q `directions`. `shaping` changes the slopes, and `combination`
/// may replace the mean over the queries. Throws what the objective throws, and `InputError` where the objective has no
/// derivatives.
func exactSlopes<D: Direction, O: Objective & ~Copyable>(
  of objective: borrowing O, at theta: borrowing ParameterStore, along directions: Few<D>, on batch: Batch,
  shaping: CoefficientShaping, combination: QueryCombination
) throws -> GradientEstimate<D> {
  var (losses, slopes) = (Few<Double>(), Few<Double>())
  for direction in directions {
    guard let slope = try objective.differentiate(along: direction, at: theta, on: batch) else {
      throw InputError.noDerivatives(for: "the forward gradient")
    }
    losses.append(slope.loss)
    slopes.append(slope.derivative)
  }
  let coefficients = shaping(slopes, sides: .two)
  let weights = combination.weights(coefficients, of: directions, in: theta.layout)
  var terms = Few<(coefficient: Double, direction: D)>()
  for i in directions.indices { terms.append((weights[i], directions[i])) }
  return GradientEstimate(
    terms: terms, losses: losses, projectedGradient: slopes.reduce(0) { $0 + $1 / Double(slopes.count) },
    coefficients: coefficients)
}
