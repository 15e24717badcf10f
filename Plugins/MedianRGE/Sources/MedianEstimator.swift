import Zeroth

/// RGE with the median over the examples in place of the mean. A few examples with extreme losses do not change a
/// median:
///
///     c = median_j (l_j(theta + eps z) - l_j(theta - eps z)) / (2 eps),   g = c z
///
/// l_j is the loss of example j. The median of the differences differs from their mean where their distribution is
/// skewed, and the estimate is then biased (median-of-means with groups of one: Lugosi and Mendelson 2019, section 2).
///
/// The code is short on purpose: it is the example of an estimator that asks for the losses of single examples.
///
/// Cost: 2 forward passes; no stored floats.
public struct MedianEstimator: GradientEstimator {
  /// The direction z, made again from a key.
  public typealias Direction = DenseDirection

  /// eps > 0 over the steps: how far from theta a loss is measured, in units of the parameters.
  public var epsilon: Schedule
  /// The distribution of z.
  public let distribution: NoiseDistribution
  /// How c is shaped. The population is one two-sided pair.
  public let shaping: CoefficientShaping

  /// The range of `epsilon`.
  public static let epsilonRange = NumericRange.positiveFloat
  /// Biased: the mean is not a multiple of the gradient.
  public static let traits: EstimatorTraits = .biased

  /// The estimator with MeZO's epsilon and Gaussian directions by default.
  public init(
    epsilon: Schedule = 1e-3, distribution: NoiseDistribution = .gaussian, shaping: CoefficientShaping = .none
  ) {
    self.epsilon = epsilon
    self.distribution = distribution
    self.shaping = shaping
  }

  /// Throws `InputError` when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try epsilon.validate("epsilon", Self.epsilonRange)
    try shaping.validate(queries: 1, sides: .two)
  }

  /// 2: one forward pass on each side of theta.
  public func forwards(at step: Int, in layout: ParameterLayout) -> Int { 2 }

  /// The losses are those of single examples.
  public var grain: LossGrain { .example }

  /// Saves or restores the options. There is no other state.
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
    let coefficients = shaping([c], sides: .two)
    return GradientEstimate(
      terms: [(coefficients[0], z)], losses: losses, projectedGradient: c, coefficients: coefficients)
  }

  /// The median of `values`: for an even number, the mean of the two in the middle. NaN where one of them is NaN.
  static func median(_ values: [Double]) -> Double {
    guard !values.isEmpty, values.allSatisfy({ !$0.isNaN }) else { return .nan }
    let sorted = values.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }
}
