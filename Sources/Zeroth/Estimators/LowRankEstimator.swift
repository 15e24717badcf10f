/// LGE, the low-rank gradient estimate of [LOZO]:
///
///     c = (L(theta + eps U V^T) - L(theta - eps U V^T)) / (2 eps),   g = c U V^T / r
///
/// U in R^{m x r} and V in R^{n x r} are standard normal. U is drawn at every step, V only where t mod nu = 0 (lazy
/// sampling). Vectors have no factors: on them the direction is a standard normal z, with the same c and without 1/r.
/// Several queries of a step share V.
///
/// Cost: 2q forward passes, or q + 1 one-sided; no stored floats.
public struct LowRankEstimator: GradientEstimator {
  /// U V^T on matrices and z on vectors, made again from two keys.
  public typealias Direction = LowRankProbe

  /// The rank r, 1 to 65535. On a matrix with a smaller side than r it is that side.
  public let rank: Int
  /// The interval nu >= 1: V is drawn anew every nu steps.
  public let interval: Int
  /// eps > 0 over the steps: how far from theta a loss is measured, in units of the parameters.
  public var epsilon: Schedule
  /// q >= 1 over the steps: the number of directions of a step.
  public var queries: Schedule
  /// Whether losses are measured on both sides of theta or on one.
  public let sides: DifferenceSides
  /// How the coefficients of a step are shaped.
  public let shaping: CoefficientShaping
  /// How the queries of a step become one estimate.
  public let combination: QueryCombination

  /// The range of `rank`.
  public static let rankRange = NumericRange.between(1, 65535)
  /// The range of `interval`.
  public static let intervalRange = NumericRange.atLeast(1)
  /// The range of `epsilon`.
  public static let epsilonRange = NumericRange.positiveFloat
  /// The range of `queries`.
  public static let queriesRange = NumericRange.between(1, 65535)

  /// LGE with the defaults of [LOZO] for OPT: rank 2, nu = 50, eps = 1e-3.
  public init(
    rank: Int = 2, interval: Int = 50, epsilon: Schedule = 1e-3, queries: Schedule = 1,
    sides: DifferenceSides = .two, shaping: CoefficientShaping = .none, combination: QueryCombination = .mean
  ) {
    self.rank = rank
    self.interval = interval
    self.epsilon = epsilon
    self.queries = queries
    self.sides = sides
    self.shaping = shaping
    self.combination = combination
  }

  /// Throws `InputError` when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try Self.rankRange.require("rank", rank)
    try Self.intervalRange.require("interval", interval)
    try epsilon.validate("epsilon", Self.epsilonRange)
    try queries.validate("queries", Self.queriesRange, isCount: true)
    try shaping.validate(queries: queries, sides: sides)
    try combination.validate(queries: queries)
  }

  /// Names the blocks where the rank is cut to the smaller side of a matrix.
  public func notes(in layout: ParameterLayout) -> [String] {
    let cut = layout.trainable.filter { $0.isMatrix && LowRankProbe.cut(rank, on: $0) < rank }
    return Dictionary(grouping: cut) { LowRankProbe.cut(rank, on: $0) }.sorted { $0.key < $1.key }.map { side, blocks in
      let others = blocks.count == 1 ? "" : " and \(blocks.count - 1) more"
      return "rank \(rank) is cut to \(side), the smaller side of the block, in \(blocks[0].name)\(others)"
    }
  }

  /// The smallest q of any step.
  public var fewestQueries: Int { queries.fewest }

  /// 2q forward passes, or q + 1 where the queries are one-sided.
  public func forwards(at step: Int, in layout: ParameterLayout) -> Int {
    sides.forwards(queries: queries.count(at: step))
  }

  /// Saves or restores the options. There is no other state, because V follows from the step.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("rank", rank)
    try state.require("interval", interval)
    try state.require("sides", sides.rawValue)
    try state.require("shaping", "\(shaping)")
    try state.require("combination", combination.rawValue)
    try state.code("epsilon", &epsilon)
    try state.code("queries", &queries)
  }

  /// Measures along U V^T and returns c U V^T / r.
  public mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<LowRankProbe> {
    let probes = directions(context)
    var estimate = try finiteDifferences(
      of: objective, at: theta, along: probes, on: context.batch, sides: sides,
      epsilon: epsilon(at: context.step), shaping: shaping, combination: combination)
    // The weights of least squares belong to the directions as they were measured, without the factor 1/r.
    if combination == .leastSquares { return estimate }
    for i in estimate.terms.indices { estimate.terms[i].direction = estimated(probes[i]) }
    return estimate
  }

  /// The directions along which a step measures.
  func directions(_ context: StepContext) -> Few<LowRankProbe> {
    let rightKey = context.runKey.child(.right, context.step / interval)
    return Few(count: queries.count(at: context.step)) { query in
      LowRankProbe(rank: rank, leftKey: context.key.child(.left, query), rightKey: rightKey)
    }
  }

  /// The direction of the estimate that belongs to `probe`: U V^T / r.
  func estimated(_ probe: LowRankProbe) -> LowRankProbe {
    LowRankProbe(rank: rank, leftKey: probe.leftKey, rightKey: probe.rightKey, matrixScale: 1 / Float(rank))
  }
}
