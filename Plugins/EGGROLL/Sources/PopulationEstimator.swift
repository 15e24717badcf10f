import Zeroth

/// The population of EGGROLL (arXiv 2511.16652), which is evolution strategies at low rank: N = 2q members in
/// antithetic pairs,
///
///     z_i = A_i B_i^T / sqrt(r),   members at theta + eps z_i and theta - eps z_i,   g = 1/q sum_i s_i z_i
///
/// A_i in R^{m x r} and B_i in R^{n x r} are standard normal and belong to one pair alone. So a population spans q r
/// dimensions of a matrix on both sides, whereas the queries of LGE share V. The weight s_i is c_i = (L(theta + eps
/// z_i) - L(theta - eps z_i)) / (2 eps), changed by `shaping`; the optimizer `eggroll` uses the z-score over the
/// members. On vectors z is a plain normal. Without shaping the estimate is unbiased, because E[z z^T] = I.
///
/// Where the members have few tokens, a model computes all of them in one forward pass, with the thin products of each
/// member beside every layer.
///
/// Cost: 2q forward passes, or q + 1 one-sided; no stored floats.
public struct PopulationEstimator: GradientEstimator {
  /// The directions A_i B_i^T of the members.
  public typealias Direction = MemberDirection

  /// The rank r >= 1; on a smaller matrix it is cut to the smaller side.
  public let rank: Int
  /// eps > 0 over the steps, in units of the parameters: the paper's sigma.
  public var epsilon: Schedule
  /// q >= 1 over the steps: the number of pairs, which is half the number of members in the two-sided form.
  public var queries: Schedule
  /// Whether losses are measured on both sides of theta or on one.
  public let sides: DifferenceSides
  /// How the coefficients of a step are shaped.
  public let shaping: CoefficientShaping
  /// How the queries of a step become one estimate.
  public let combination: QueryCombination

  /// The range of `rank`.
  public static let rankRange = NumericRange.between(1, 4096)
  /// The range of `epsilon`.
  public static let epsilonRange = NumericRange.positiveFloat
  /// The range of `queries`.
  public static let queriesRange = NumericRange.between(1, 65535)

  /// 32 members of rank 1 in 16 pairs.
  public init(
    rank: Int = 1, epsilon: Schedule = 1e-3, queries: Schedule = 16, sides: DifferenceSides = .two,
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

  /// Saves or restores the options. There is no other state.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("rank", rank)
    try state.require("sides", sides.rawValue)
    try state.require("shaping", "\(shaping)")
    try state.require("combination", combination.rawValue)
    try state.code("epsilon", &epsilon)
    try state.code("queries", &queries)
  }

  /// Measures all members and returns their weighted sum.
  public mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<MemberDirection> {
    let members = Few(count: queries.count(at: context.step)) { query in
      MemberDirection(rank: rank, key: context.key.child(.query, query))
    }
    return try finiteDifferences(
      of: objective, at: theta, along: members, on: context.batch, sides: sides, epsilon: epsilon(at: context.step),
      shaping: shaping, combination: combination)
  }
}
