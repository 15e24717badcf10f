import Zeroth

/// TeZO (arXiv 2501.19057): low-rank directions whose factors stay the same for the whole run, so a step draws only r
/// numbers for a matrix:
///
///     z = U diag(tau) V^T,   c = (L(theta + eps z) - L(theta - eps z)) / (2 eps),   g = c z / r
///
/// U in R^{m x r} and V in R^{n x r} are standard normal and are drawn once. tau in R^r is normal and is drawn at every
/// step. Vectors have no factors: on them z is a plain normal, with the same c and without 1/r.
///
/// The mean over U, V and tau is the gradient. Within one run U and V are fixed, and for a matrix with the gradient G
/// the mean is 1/r sum_s <G, u_s v_s^T> u_s v_s^T. A step against this mean descends.
///
/// Cost: 2q forward passes, or q + 1 one-sided; no stored floats, because U and V are made again from their key.
public struct TemporalEstimator: GradientEstimator {
  /// Directions U diag(tau) V^T with the U and V of the run.
  public typealias Direction = TemporalDirection

  /// The rank r >= 1.
  public let rank: Int
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
  /// The factors U and V. They are made once for a run, from its key.
  private var frame: TemporalFrame?

  /// The range of `rank`.
  public static let rankRange = NumericRange.between(1, 4096)
  /// The range of `epsilon`.
  public static let epsilonRange = NumericRange.positiveFloat
  /// The range of `queries`.
  public static let queriesRange = NumericRange.between(1, 65535)

  /// TeZO with these options; rank 64 by default.
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

  /// Throws `InputError` when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try Self.rankRange.require("rank", rank)
    try epsilon.validate("epsilon", Self.epsilonRange)
    try queries.validate("queries", Self.queriesRange, isCount: true)
    try shaping.validate(queries: queries, sides: sides)
    try combination.validate(queries: queries)
  }

  /// The smallest q of any step.
  public var fewestQueries: Int { queries.fewest }

  /// 2q forward passes, or q + 1 where the queries are one-sided.
  public func forwards(at step: Int, in layout: ParameterLayout) -> Int {
    sides.forwards(queries: queries.count(at: step))
  }

  /// Saves or restores the options. There is no other state, because U and V follow from the key of the run.
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
    // The weights of least squares belong to the directions as they were measured, without the factor 1/r.
    if combination == .leastSquares { return estimate }
    for i in estimate.terms.indices { estimate.terms[i].direction = directions[i].scaled(by: 1 / Float(rank)) }
    return estimate
  }

  /// The factors U and V of the run.
  private mutating func currentFrame(_ context: StepContext) -> TemporalFrame {
    let key = context.runKey.child(.right)
    if let frame, frame.key == key, frame.fits(context.layout) { return frame }
    let made = TemporalFrame(rank: rank, key: key, layout: context.layout)
    frame = made
    return made
  }
}
