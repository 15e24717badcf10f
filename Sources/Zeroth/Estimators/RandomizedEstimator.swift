/// RGE, the randomised gradient estimate of MeZO (Malladi et al. 2023; [DiZO] Eq. 1):
///
///     two-sided:  g = 1/q sum_i c_i z_i,  c_i = (L(theta + eps z_i) - L(theta - eps z_i)) / (2 eps)
///     one-sided:                          c_i = (L(theta + eps z_i) - L(theta)) / eps, L(theta) shared by all queries
///
/// Cost: 2q forward passes, or q + 1 one-sided; no stored floats.
public struct RandomizedEstimator: GradientEstimator {
  /// z, made again from a key.
  public typealias Direction = DenseDirection

  /// eps > 0, in units of the parameters.
  public let epsilon: Double
  /// q >= 1, the number of directions that are averaged.
  public let queries: Int
  /// Where the losses are taken.
  public let sides: DifferenceSides
  /// How the directions are drawn.
  public let distribution: NoiseDistribution

  /// What `epsilon` takes.
  public static let epsilonRange = NumericRange.positive
  /// What `queries` takes.
  public static let queriesRange = NumericRange.between(1, 65535)

  /// RGE with MeZO's defaults: one two-sided Gaussian query at eps = 1e-3.
  public init(
    epsilon: Double = 1e-3, queries: Int = 1, sides: DifferenceSides = .two, distribution: NoiseDistribution = .gaussian
  ) {
    self.epsilon = epsilon
    self.queries = queries
    self.sides = sides
    self.distribution = distribution
  }

  /// Throws when epsilon is not a positive number or there is no query.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try Self.epsilonRange.require("epsilon", epsilon)
    try Self.queriesRange.require("queries", queries)
  }

  /// 2q, or q + 1 one-sided.
  public func forwards(at step: Int, in layout: ParameterLayout) -> Int { sides == .two ? 2 * queries : queries + 1 }

  /// Measures along q directions keyed by the step and the query.
  public mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<DenseDirection> {
    let directions = Few(count: queries) { query in
      DenseDirection(context.key.child(.query, query), distribution: distribution, layout: context.layout)
    }
    return try finiteDifferences(
      of: objective, at: theta, along: directions, on: context.batch, sides: sides, epsilon: epsilon)
  }
}
