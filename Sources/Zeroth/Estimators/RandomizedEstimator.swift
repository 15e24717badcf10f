/// RGE, the randomised gradient estimate of MeZO (Malladi et al. 2023; [DiZO] Eq. 1):
///
///     two-sided:  g = 1/q sum_i c_i z_i,  c_i = (L(theta + eps z_i) - L(theta - eps z_i)) / (2 eps)
///     one-sided:                          c_i = (L(theta + eps z_i) - L(theta)) / eps, L(theta) shared by all queries
///
/// Cost: 2q forward passes, or q + 1 one-sided; no stored floats.
public struct RandomizedEstimator: GradientEstimator {
  /// The direction z, made again from a key.
  public typealias Direction = DenseDirection

  /// eps > 0 over the steps: how far from theta a loss is measured, in units of the parameters.
  public var epsilon: Schedule
  /// q >= 1 over the steps: the number of directions of a step.
  public var queries: Schedule
  /// Whether losses are measured on both sides of theta or on one.
  public let sides: DifferenceSides
  /// How the directions are drawn.
  public let distribution: NoiseDistribution
  /// How the coefficients of a step are shaped.
  public let shaping: CoefficientShaping
  /// How the queries of a step become one estimate.
  public let combination: QueryCombination

  /// The range of `epsilon`.
  public static let epsilonRange = NumericRange.positiveFloat
  /// The range of `queries`.
  public static let queriesRange = NumericRange.between(1, 65535)

  /// RGE with MeZO's defaults: one two-sided Gaussian query at eps = 1e-3.
  public init(
    epsilon: Schedule = 1e-3, queries: Schedule = 1, sides: DifferenceSides = .two,
    distribution: NoiseDistribution = .gaussian, shaping: CoefficientShaping = .none,
    combination: QueryCombination = .mean
  ) {
    self.epsilon = epsilon
    self.queries = queries
    self.sides = sides
    self.distribution = distribution
    self.shaping = shaping
    self.combination = combination
  }

  /// Throws `InputError` when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
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
    try state.require("sides", sides.rawValue)
    try state.require("shaping", "\(shaping)")
    try state.require("combination", combination.rawValue)
    try state.require("distribution", distribution.rawValue)
    try state.code("epsilon", &epsilon)
    try state.code("queries", &queries)
  }

  /// Measures along q directions, whose keys depend on the step and the query.
  public mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<DenseDirection> {
    let directions = Few(count: queries.count(at: context.step)) { query in
      DenseDirection(context.key.child(.query, query), distribution: distribution, layout: context.layout)
    }
    return try finiteDifferences(
      of: objective, at: theta, along: directions, on: context.batch, sides: sides,
      epsilon: epsilon(at: context.step), shaping: shaping, combination: combination)
  }
}
