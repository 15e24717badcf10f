import Zeroth

/// SubZero (arXiv 2410.08989): measures along directions in a low-dimensional subspace of each matrix, which is kept
/// for several steps:
///
///     z = sqrt(m n)/r U Z V^T,   c = (L(theta + eps z) - L(theta - eps z)) / (2 eps),   g = c z
///
/// U in R^{m x r} and V in R^{n x r} have orthonormal columns and are drawn when t mod nu = 0. Z in R^{r x r} is normal
/// and is drawn at every step. With the factor sqrt(m n)/r, E[z z^T] = I, so the estimate is unbiased and as long as
/// that of RGE; the factor is in the authors' code but not in their formula. Vectors have no factors: on them z is a
/// plain normal. The queries of a step share U and V.
///
/// Models measure along (sqrt(m n)/r U Z) V^T, which takes two thin products beside each layer.
///
/// Cost: 2q forward passes, or q + 1 one-sided; r (m + n) stored floats for each matrix.
public struct SubspaceEstimator: GradientEstimator {
  /// Directions U Z V^T in the present subspaces.
  public typealias Direction = SubspaceDirection

  /// The rank r >= 1; on a smaller matrix it is cut to the smaller side.
  public let rank: Int
  /// The interval nu >= 1: U and V are drawn anew every nu steps.
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
  private var factors: OrthonormalFactors?

  /// The range of `rank`.
  public static let rankRange = NumericRange.between(1, 4096)
  /// The range of `interval`.
  public static let intervalRange = NumericRange.atLeast(1)
  /// The range of `epsilon`.
  public static let epsilonRange = NumericRange.positiveFloat
  /// The range of `queries`.
  public static let queriesRange = NumericRange.between(1, 65535)

  /// SubZero with these options. The defaults, rank 24 and 1000 steps, are in the ranges that its authors use.
  public init(
    rank: Int = 24, interval: Int = 1000, epsilon: Schedule = 1e-3, queries: Schedule = 1,
    sides: DifferenceSides = .two,
    shaping: CoefficientShaping = .none, combination: QueryCombination = .mean
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
    let cut = layout.trainable.filter { $0.isMatrix && OrthonormalFactors.cut(rank, on: $0) < rank }
    return Dictionary(grouping: cut) { OrthonormalFactors.cut(rank, on: $0) }.sorted { $0.key < $1.key }.map {
      let others = $1.count == 1 ? "" : " and \($1.count - 1) more"
      return "rank \(rank) is cut to \($0), the smaller side of the block, in \($1[0].name)\(others)"
    }
  }

  /// The smallest q of any step.
  public var fewestQueries: Int { queries.fewest }

  /// 2q forward passes, or q + 1 where the queries are one-sided.
  public func forwards(at step: Int, in layout: ParameterLayout) -> Int {
    sides.forwards(queries: queries.count(at: step))
  }

  /// r (m + n) floats for each matrix after the first step, 0 before it.
  public var stateCount: Int { factors?.count ?? 0 }

  /// Saves or restores the options, U and V.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("rank", rank)
    try state.require("interval", interval)
    try state.require("sides", sides.rawValue)
    try state.require("shaping", "\(shaping)")
    try state.require("combination", combination.rawValue)
    try state.code("epsilon", &epsilon)
    try state.code("queries", &queries)
    guard try state.codePresence("factors", factors != nil) else {
      factors = nil
      return
    }
    var key = factors?.key ?? StreamKey(seed: 0, generator: state.generator)
    var left = factors?.left ?? state.layout.blocks.map { _ in [] }
    var right = factors?.right ?? state.layout.blocks.map { _ in [] }
    try state.code("factors.key", &key)
    for block in state.layout.trainable where block.isMatrix {
      let s = OrthonormalFactors.cut(rank, on: block)
      try state.code("left.\(block.name)", &left[block.index], count: s * block.rows)
      try state.code("right.\(block.name)", &right[block.index], count: s * block.columns)
    }
    guard state.isRestoring else { return }
    factors = OrthonormalFactors(rank: rank, key: key, left: left, right: right, layout: state.layout)
  }

  /// Draws U and V where a window begins, and measures along sqrt(m n)/r U Z V^T.
  public mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<SubspaceDirection> {
    let factors = currentFactors(context)
    let directions = Few(count: queries.count(at: context.step)) { query in
      SubspaceDirection(factors, cores: Cores(context.key.child(.query, query), factors.cores, context.layout))
    }
    return try finiteDifferences(
      of: objective, at: theta, along: directions, on: context.batch, sides: sides, epsilon: epsilon(at: context.step),
      shaping: shaping, combination: combination)
  }

  /// U and V of the window of this step: those that are held, or new ones drawn from the key of the run.
  private mutating func currentFactors(_ context: StepContext) -> OrthonormalFactors {
    let key = context.runKey.child(.right, context.step / interval)
    if let factors, factors.key == key { return factors }
    let drawn = OrthonormalFactors(rank: rank, key: key, layout: context.layout)
    factors = drawn
    return drawn
  }
}
