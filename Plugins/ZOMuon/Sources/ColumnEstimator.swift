import Zeroth

/// The estimator of ZO-Muon (arXiv 2602.17155): measures along directions whose columns lie in a subspace that is kept
/// for several steps:
///
///     z = sqrt(m/r) P Psi,   c = (L(theta + eps z) - L(theta - eps z)) / (2 eps),   g = c z
///
/// P in R^{m x r} has orthonormal columns and is drawn when t mod nu = 0. Psi in R^{r x n} is normal and is drawn for
/// every query. With the factor sqrt(m/r), E[z z^T] = I, so the estimate is unbiased and as long as that of RGE; the
/// paper's formula leaves this factor to epsilon and eta. Vectors have no factors: on them z is a plain normal.
///
/// Cost: 2q forward passes, or q + 1 one-sided; r m stored floats for each matrix.
public struct ColumnEstimator: GradientEstimator {
  /// Directions P Psi in the present column spaces.
  public typealias Direction = ColumnDirection

  /// The rank r >= 1; on a matrix with fewer rows it is cut to the number of rows.
  public let rank: Int
  /// The interval nu >= 1: P is drawn anew every nu steps.
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
  private var frame: ColumnFrame?

  /// The range of `rank`.
  public static let rankRange = NumericRange.between(1, 4096)
  /// The range of `interval`.
  public static let intervalRange = NumericRange.atLeast(1)
  /// The range of `epsilon`.
  public static let epsilonRange = NumericRange.positiveFloat
  /// The range of `queries`.
  public static let queriesRange = NumericRange.between(1, 65535)

  /// The estimator with these options. The defaults, rank 64 and 100 steps, are those of its authors.
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

  /// Throws `InputError` when an option is out of range.
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

  /// The smallest q of any step.
  public var fewestQueries: Int { queries.fewest }

  /// 2q forward passes, or q + 1 where the queries are one-sided.
  public func forwards(at step: Int, in layout: ParameterLayout) -> Int {
    sides.forwards(queries: queries.count(at: step))
  }

  /// r m floats for each matrix after the first step, 0 before it.
  public var stateCount: Int { frame?.count ?? 0 }

  /// Saves or restores the options and P.
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

  /// Draws P where a window begins, and measures along sqrt(m/r) P Psi.
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

  /// P of the window of this step: the one that is held, or a new one drawn from the key of the run.
  private mutating func currentFrame(_ context: StepContext) -> ColumnFrame {
    let key = context.runKey.child(.left, context.step / interval)
    if let frame, frame.key == key { return frame }
    let drawn = ColumnFrame(rank: rank, key: key, layout: context.layout)
    frame = drawn
    return drawn
  }
}
