import Zeroth

/// SubZero (arXiv 2410.08989): measures along directions in a low-dimensional subspace of each matrix, which is held for a while:
///
///     z = sqrt(m n)/r U Z V^T,   c = (L(theta + eps z) - L(theta - eps z)) / (2 eps),   g = c z
///
/// U in R^{m x r} and V in R^{n x r} have orthonormal columns and are drawn when t mod nu = 0; Z in R^{r x r} is normal and drawn at every
/// step. The factor, which is in the authors' code and not in their formula, makes E[z z^T] = I, so that the estimate is unbiased and as
/// long as RGE's. Vectors have no factors: there z is a plain normal. Queries of a step share U and V.
///
/// Models measure along (sqrt(m n)/r U Z) V^T: two thin products beside each layer.
///
/// Cost: 2q forward passes, or q + 1 one-sided; r (m + n) stored floats for each matrix.
public struct SubspaceEstimator: GradientEstimator {
  /// Directions U Z V^T within the subspaces that are held.
  public typealias Direction = SubspaceDirection

  /// r >= 1, cut to the smaller side of a matrix.
  public let rank: Int
  /// nu >= 1: U and V are drawn again every nu steps.
  public let interval: Int
  /// eps > 0 over the steps, in units of the parameters.
  public var epsilon: Schedule
  /// q >= 1 over the steps.
  public var queries: Schedule
  /// Where the losses are taken.
  public let sides: DifferenceSides
  /// How the coefficients of a step are shaped.
  public let shaping: CoefficientShaping
  /// How the queries of a step become one estimate.
  public let combination: QueryCombination
  private var factors: OrthonormalFactors?

  /// What `rank` takes.
  public static let rankRange = NumericRange.between(1, 4096)
  /// What `interval` takes.
  public static let intervalRange = NumericRange.atLeast(1)
  /// What `epsilon` takes.
  public static let epsilonRange = NumericRange.positiveFloat
  /// What `queries` takes.
  public static let queriesRange = NumericRange.between(1, 65535)

  /// SubZero with rank 24 and subspaces of 1000 steps, of the ranges of its authors.
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

  /// Throws when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try Self.rankRange.require("rank", rank)
    try Self.intervalRange.require("interval", interval)
    try epsilon.validate("epsilon", Self.epsilonRange)
    try queries.validate("queries", Self.queriesRange, isCount: true)
    try shaping.validate(queries: queries, sides: sides)
    try combination.validate(queries: queries)
  }

  /// Where the rank is cut to the smaller side of a matrix.
  public func notes(in layout: ParameterLayout) -> [String] {
    let cut = layout.trainable.filter { $0.isMatrix && OrthonormalFactors.cut(rank, on: $0) < rank }
    return Dictionary(grouping: cut) { OrthonormalFactors.cut(rank, on: $0) }.sorted { $0.key < $1.key }.map {
      let others = $1.count == 1 ? "" : " and \($1.count - 1) more"
      return "rank \(rank) is cut to \($0), the smaller side of the block, in \($1[0].name)\(others)"
    }
  }

  /// q at its smallest.
  public var fewestQueries: Int { queries.fewest }

  /// 2q, or q + 1 one-sided.
  public func forwards(at step: Int, in layout: ParameterLayout) -> Int {
    sides.forwards(queries: queries.count(at: step))
  }

  /// r (m + n) floats for each matrix, once the first step is done.
  public var stateCount: Int { factors?.count ?? 0 }

  /// The options, U and V.
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

  /// Draws U and V, if a window begins, and measures along sqrt(m n)/r U Z V^T.
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

  /// U and V of the step's window: those that are held, or drawn from the run's key.
  private mutating func currentFactors(_ context: StepContext) -> OrthonormalFactors {
    let key = context.runKey.child(.right, context.step / interval)
    if let factors, factors.key == key { return factors }
    let drawn = OrthonormalFactors(rank: rank, key: key, layout: context.layout)
    factors = drawn
    return drawn
  }
}
