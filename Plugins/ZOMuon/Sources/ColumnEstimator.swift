import Zeroth

/// The estimator of ZO-Muon (arXiv 2602.17155): measures along directions whose columns lie in a subspace that is held for a while:
///
///     z = sqrt(m/r) P Psi,   c = (L(theta + eps z) - L(theta - eps z)) / (2 eps),   g = c z
///
/// P in R^{m x r} has orthonormal columns and is drawn when t mod nu = 0; Psi in R^{r x n} is normal and drawn for every query. The factor,
/// which the formula of the paper leaves to epsilon and eta, makes E[z z^T] = I, so that the estimate is unbiased and as long as RGE's.
/// Vectors have no factors: there z is a plain normal.
///
/// Cost: 2q forward passes, or q + 1 one-sided; r m stored floats for each matrix.
public struct ColumnEstimator: GradientEstimator {
  /// Directions P Psi within the column spaces that are held.
  public typealias Direction = ColumnDirection

  /// r >= 1, cut to the rows of a matrix.
  public let rank: Int
  /// nu >= 1: P is drawn again every nu steps.
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
  private var frame: ColumnFrame?

  /// What `rank` takes.
  public static let rankRange = NumericRange.between(1, 4096)
  /// What `interval` takes.
  public static let intervalRange = NumericRange.atLeast(1)
  /// What `epsilon` takes.
  public static let epsilonRange = NumericRange.positiveFloat
  /// What `queries` takes.
  public static let queriesRange = NumericRange.between(1, 65535)

  /// Rank 64 and subspaces of 100 steps, as its authors have them.
  public init(
    rank: Int = 64, interval: Int = 100, epsilon: Schedule = 1e-3, queries: Schedule = 1,
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

  /// Throws when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try Self.rankRange.require("rank", rank)
    try Self.intervalRange.require("interval", interval)
    try epsilon.validate("epsilon", Self.epsilonRange)
    try queries.validate("queries", Self.queriesRange, isCount: true)
    try shaping.validate(queries: queries, sides: sides)
    try combination.validate(queries: queries)
  }

  /// Where the rank is cut to the rows of a matrix.
  public func notes(in layout: ParameterLayout) -> [String] {
    let cut = layout.trainable.filter { $0.isMatrix && $0.rows < rank }
    return Dictionary(grouping: cut, by: \.rows).sorted { $0.key < $1.key }.map {
      let others = $1.count == 1 ? "" : " and \($1.count - 1) more"
      return "rank \(rank) is cut to \($0), the rows of the block, in \($1[0].name)\(others)"
    }
  }

  /// q at its smallest.
  public var fewestQueries: Int { queries.fewest }

  /// 2q, or q + 1 one-sided.
  public func forwards(at step: Int, in layout: ParameterLayout) -> Int {
    sides.forwards(queries: queries.count(at: step))
  }

  /// r m floats for each matrix, once the first step is done.
  public var stateCount: Int { frame?.count ?? 0 }

  /// The options and P.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("rank", rank)
    try state.require("interval", interval)
    try state.require("sides", sides.rawValue)
    try state.require("shaping", "\(shaping)")
    try state.require("combination", combination.rawValue)
    try state.code("epsilon", &epsilon)
    try state.code("queries", &queries)
    guard try state.codePresence("frame", frame != nil) else {
      frame = nil
      return
    }
    var key = frame?.key ?? StreamKey(seed: 0, generator: state.generator)
    var left = frame?.left ?? state.layout.blocks.map { _ in [] }
    try state.code("frame.key", &key)
    for block in state.layout.trainable where block.isMatrix {
      try state.code(
        "left.\(block.name)", &left[block.index], count: ColumnFrame.cut(rank, on: block) * block.rows)
    }
    guard state.isRestoring else { return }
    frame = ColumnFrame(rank: rank, key: key, layout: state.layout, left: left)
  }

  /// Draws P, if a window begins, and measures along sqrt(m/r) P Psi.
  public mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<ColumnDirection> {
    let frame = currentFrame(context)
    let directions = Few(count: queries.count(at: context.step)) { query in
      ColumnDirection(frame, coreKey: context.key.child(.query, query))
    }
    return try finiteDifferences(
      of: objective, at: theta, along: directions, on: context.batch, sides: sides, epsilon: epsilon(at: context.step),
      shaping: shaping, combination: combination)
  }

  /// P of the step's window: the one that is held, or drawn from the run's key.
  private mutating func currentFrame(_ context: StepContext) -> ColumnFrame {
    let key = context.runKey.child(.left, context.step / interval)
    if let frame, frame.key == key { return frame }
    let drawn = ColumnFrame(rank: rank, key: key, layout: context.layout)
    frame = drawn
    return drawn
  }
}
