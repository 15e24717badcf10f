import Zeroth

/// RGE with a median in place of the mean over examples, which a few examples with wild losses do not move:
///
///     c = median_j (l_j(theta + eps z) - l_j(theta - eps z)) / (2 eps),   g = c z
///
/// l_j is the loss of example j. The median of the differences is not their mean, so that the estimate has a bias wherever
/// they are skewed (median-of-means with groups of one: Lugosi and Mendelson 2019, section 2).
///
/// It is small on purpose: the example of an estimator that asks for losses by example.
///
/// Cost: 2 forward passes; no stored floats.
public struct MedianEstimator: GradientEstimator {
  /// z, made again from a key.
  public typealias Direction = DenseDirection

  /// eps > 0 over the steps, in units of the parameters.
  public var epsilon: Schedule
  /// How z is drawn.
  public let distribution: NoiseDistribution
  /// What is made of c, which is of one pair of points.
  public let shaping: CoefficientShaping

  /// What `epsilon` takes.
  public static let epsilonRange = NumericRange.positiveFloat
  /// Its mean is no multiple of the gradient.
  public static let traits: EstimatorTraits = .biased

  /// The estimator with MeZO's epsilon and Gaussian directions.
  public init(
    epsilon: Schedule = 1e-3, distribution: NoiseDistribution = .gaussian, shaping: CoefficientShaping = .none
  ) {
    self.epsilon = epsilon
    self.distribution = distribution
    self.shaping = shaping
  }

  /// Throws when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try epsilon.validate("epsilon", Self.epsilonRange)
    try shaping.validate(queries: 1, sides: .two)
  }

  /// Two: one pass on each side of theta.
  public func forwards(at step: Int, in layout: ParameterLayout) -> Int { 2 }

  /// A loss for each example.
  public var grain: LossGrain { .example }

  /// The options: nothing else is kept.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("distribution", distribution.rawValue)
    try state.require("shaping", "\(shaping)")
    try state.code("epsilon", &epsilon)
  }

  /// Measures the examples on both sides of theta.
  public mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<DenseDirection> {
    let z = DenseDirection(context.key.child(.query), distribution: distribution, layout: context.layout)
    let eps = Float(epsilon(at: context.step))
    let losses = try objective.losses(
      at: Points(along: z, at: [eps, -eps]), from: theta, on: context.batch, grain: grain)
    let count = losses.count / 2
    let c = Self.median((0..<count).map { losses[$0] - losses[count + $0] }) / (2 * Double(eps))
    return GradientEstimate(terms: [(shaping([c], sides: .two)[0], z)], losses: losses, projectedGradient: c)
  }

  /// The middle of `values`, or the mean of the two in the middle; NaN where one is NaN.
  static func median(_ values: [Double]) -> Double {
    guard !values.isEmpty, values.allSatisfy({ !$0.isNaN }) else { return .nan }
    let sorted = values.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }
}
