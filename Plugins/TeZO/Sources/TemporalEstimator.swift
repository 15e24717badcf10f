import Zeroth

/// TeZO (arXiv 2501.19057): low-rank directions whose factors last for the run, so that a step draws r numbers for a matrix:
///
///     z = U diag(tau) V^T,   c = (L(theta + eps z) - L(theta - eps z)) / (2 eps),   g = c z / r
///
/// U in R^{m x r} and V in R^{n x r} are standard normal and drawn once; tau in R^r is normal and drawn at every step. Vectors have no
/// factors: there z is a plain normal, with the same c and no 1/r.
///
/// Over U, V and tau the mean is the gradient. Within a run, where U and V stay, it is 1/r sum_s <G, u_s v_s^T> u_s v_s^T of the gradient G
/// of a matrix: a step against it descends.
///
/// Cost: 2q forward passes, or q + 1 one-sided; no stored floats, as U and V are made again from their key.
public struct TemporalEstimator: GradientEstimator {
  /// Directions U diag(tau) V^T, with U and V of the run.
  public typealias Direction = TemporalDirection

  /// r >= 1.
  public let rank: Int
  /// eps > 0 over the steps, in units of the parameters.
  public var epsilon: Schedule
  /// q >= 1 over the steps, the number of directions of a step.
  public var queries: Schedule
  /// Where the losses are taken.
  public let sides: DifferenceSides
  /// How the coefficients of a step are shaped.
  public let shaping: CoefficientShaping
  /// How the queries of a step become one estimate.
  public let combination: QueryCombination
  /// Made once for a run, from its key.
  private var frame: TemporalFrame?

  /// What `rank` takes.
  public static let rankRange = NumericRange.between(1, 4096)
  /// What `epsilon` takes.
  public static let epsilonRange = NumericRange.positiveFloat
  /// What `queries` takes.
  public static let queriesRange = NumericRange.between(1, 65535)

  /// TeZO with rank 64.
  public init(
    rank: Int = 64, epsilon: Schedule = 1e-3, queries: Schedule = 1, sides: DifferenceSides = .two,
    shaping: CoefficientShaping = .none, combination: QueryCombination = .mean
  ) {
    self.rank = rank
    self.epsilon = epsilon
    self.queries = queries
    self.sides = sides
    self.shaping = shaping
    self.combination = combination
  }

  /// Throws when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try Self.rankRange.require("rank", rank)
    try epsilon.validate("epsilon", Self.epsilonRange)
    try queries.validate("queries", Self.queriesRange, isCount: true)
    try shaping.validate(queries: queries, sides: sides)
    try combination.validate(queries: queries)
  }

  /// q at its smallest.
  public var fewestQueries: Int { queries.fewest }

  /// 2q, or q + 1 one-sided.
  public func forwards(at step: Int, in layout: ParameterLayout) -> Int {
    sides.forwards(queries: queries.count(at: step))
  }

  /// The options: nothing else is kept, as U and V follow from the run's key.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("rank", rank)
    try state.require("sides", sides.rawValue)
    try state.require("shaping", "\(shaping)")
    try state.require("combination", combination.rawValue)
    try state.code("epsilon", &epsilon)
    try state.code("queries", &queries)
  }

  /// Measures along U diag(tau) V^T and returns c U diag(tau) V^T / r.
  public mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<TemporalDirection> {
    let frame = currentFrame(context)
    let directions = Few(count: queries.count(at: context.step)) { query in
      TemporalDirection(frame, coreKey: context.key.child(.query, query))
    }
    var estimate = try finiteDifferences(
      of: objective, at: theta, along: directions, on: context.batch, sides: sides, epsilon: epsilon(at: context.step),
      shaping: shaping, combination: combination)
    // Least squares weighs the directions as they were measured.
    if combination == .leastSquares { return estimate }
    for i in estimate.terms.indices { estimate.terms[i].direction = directions[i].scaled(by: 1 / Float(rank)) }
    return estimate
  }

  /// U and V of the run.
  private mutating func currentFrame(_ context: StepContext) -> TemporalFrame {
    let key = context.runKey.child(.right)
    if let frame, frame.key == key, frame.fits(context.layout) { return frame }
    let made = TemporalFrame(rank: rank, key: key, layout: context.layout)
    frame = made
    return made
  }
}
