import Zeroth

/// GRZO (arXiv 2606.02857): measures each example of the mini-batch along its own direction,
///
///     z_i = U * (r_i s_i^T),   d_i = l_i(theta + eps z_i) - l_i(theta - eps z_i),   g = 1/B sum_i a_i z_i
///
/// * is elementwise. U is normal and shared by all examples; r_i and s_i are sign vectors of example i (flipout, Wen et
/// al. 2018). l_i is the loss of example i alone, and B is the number of examples. So a step uses B directions at the
/// cost of two forward passes. On vectors s_i is a single sign.
///
/// In the relative form a_i = d_i / std(d), with the deviation over the examples (1/B), so a step depends neither on
/// epsilon nor on the scale of the loss. In the other form a_i = d_i / (2 eps), and the estimate is unbiased. Where all
/// d_i are equal, as with a single example, the deviation is 0, and the relative form makes no step.
///
/// Cost: 2 forward passes; no stored floats.
public struct FlipoutEstimator: GradientEstimator {
  /// The weighted sum of the directions of the examples.
  public typealias Direction = FlipoutSum

  /// eps > 0 over the steps: how far from theta a loss is measured, in units of the parameters.
  public var epsilon: Schedule
  /// Whether the differences are divided by their deviation over the examples.
  public let isRelative: Bool

  /// The range of `epsilon`.
  public static let epsilonRange = NumericRange.positiveFloat

  /// GRZO with these options.
  public init(epsilon: Schedule = 1e-3, isRelative: Bool = true) {
    self.epsilon = epsilon
    self.isRelative = isRelative
  }

  /// Throws `InputError` when epsilon is not a positive number.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try epsilon.validate("epsilon", Self.epsilonRange)
  }

  /// 2: one forward pass on each side of theta.
  public func forwards(at step: Int, in layout: ParameterLayout) -> Int { 2 }

  /// The losses are those of single examples.
  public var grain: LossGrain { .example }

  /// Saves or restores the options. There is no other state.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("relative", isRelative)
    try state.code("epsilon", &epsilon)
  }

  /// Measures each example on both sides of theta along its own direction.
  public mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<FlipoutSum> {
    let noise = FlipoutNoise(context.key.child(.query), layout: context.layout)
    let eps = Float(epsilon(at: context.step))
    let losses = try objective.losses(
      ofExamplesAlong: FlipoutDirections(noise), at: [eps, -eps], from: theta, on: context.batch)
    let count = losses.count / 2
    let differences = (0..<count).map { losses[$0] - losses[count + $0] }
    let mean = differences.reduce(0, +) / Double(count)
    let slope = mean / (2 * Double(eps))
    var divisor = 2 * Double(eps)
    if isRelative {
      let deviation = (differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)).squareRoot()
      // For equal differences the deviation is not exactly 0, because their mean is rounded.
      let rounding = 1e-14 * differences.reduce(0) { max($0, abs($1)) }
      divisor = deviation <= rounding ? .infinity : deviation
    }
    let coefficients = differences.map { $0 / divisor }
    let weights = coefficients.enumerated().map { (example: $0, weight: Float($1 / Double(count))) }
    // A weight that is too large for a `Float` makes the coefficient of the estimate NaN, so the step is skipped.
    let whole = weights.allSatisfy { $0.weight.isFinite } ? 1 : Double.nan
    return GradientEstimate(
      terms: [(whole, FlipoutSum(noise, weights: weights))], losses: losses, projectedGradient: slope,
      epsilon: Double(eps), coefficients: Few(coefficients))
  }
}
