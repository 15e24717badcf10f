import Foundation
import Zeroth

/// Adam with a single number as second moment, that of the projected gradient c (MEAZO, Dbouk et al. 2026):
///
///     v = beta_2 v + (1 - beta_2) c^2,   theta -= eta g / (sqrt(v / (1 - beta_2^t)) + zeta)        t = step + 1
///
/// All elements of z have the same variance, so the elementwise second moment of g = c z equals c^2 up to noise. That of
/// g = sum_i w_i z_i equals sum_i w_i^2, which takes the place of c^2 where a step has several directions. The square of
/// their mean slope would not do: it can vanish while g does not. The stored number is the corrected average
/// v / (1 - beta_2^t) itself, so no count of updates has to be stored. After a skipped step, the next one has a lower
/// weight, and nothing else changes.
///
/// Cost: 4 bytes, one stored float.
public struct ScalarAdam<D: Direction>: StepRule {
  /// Any kind of direction.
  public typealias Direction = D
  /// A weighted sum of the estimate's directions.
  public typealias Update = WeightedSum<D>

  /// The learning rate eta over the steps.
  public var learningRate: Schedule
  /// beta_2 in [0, 1): the part of v that a step keeps.
  public let beta2: Double
  /// zeta > 0, which is added to the root of v.
  public let stability: Double
  /// The weight decay lambda of each block.
  public let weightDecay: WeightDecay
  /// The corrected average v / (1 - beta_2^t); 0 before the first update.
  private var average: Float = 0

  /// The range of `beta2`.
  public static var beta2Range: NumericRange { .belowOne }
  /// The range of `stability`.
  public static var stabilityRange: NumericRange { .positiveFloat }

  /// The rule with these options.
  public init(
    learningRate: Schedule, beta2: Double = 0.999, stability: Double = 1e-8, weightDecay: WeightDecay = .none
  ) {
    self.learningRate = learningRate
    self.beta2 = beta2
    self.stability = stability
    self.weightDecay = weightDecay
  }

  /// Throws `InputError` when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try learningRate.validate()
    try weightDecay.validate()
    try Self.beta2Range.require("beta2", beta2)
    try Self.stabilityRange.require("stability", stability)
  }

  /// Updates v and returns -eta g / (sqrt(v) + zeta), with the corrected v.
  public mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> WeightedSum<D> {
    let weight = average == 0 ? 1 : (1 - beta2) / (1 - pow(beta2, Double(context.step + 1)))
    let next = Double(average) + weight * (Self.secondMoment(of: estimate) - Double(average))
    average = Float(min(next, Double(Float.greatestFiniteMagnitude)))
    let eta = learningRate(at: context.step) / (Double(average).squareRoot() + stability)
    return WeightedSum(estimate.terms.map { (Float(-eta * $0.coefficient), $0.direction) })
  }

  /// The second moment of an element of the estimate.
  ///
  /// One direction may stand for a mean over many, such as that of GRZO over examples. One that holds its differences
  /// itself, such as that of CGE, has no coefficients, and the measured number is taken.
  private static func secondMoment(of estimate: GradientEstimate<D>) -> Double {
    let coefficients = estimate.coefficients
    if estimate.terms.count == 1, coefficients.count > 1 {
      return coefficients.reduce(0) { $0 + $1 * $1 } / Double(coefficients.count * coefficients.count)
    }
    guard estimate.terms.count > 1 || coefficients.count == 1 else {
      return estimate.projectedGradient * estimate.projectedGradient
    }
    return estimate.terms.reduce(0) { $0 + $1.coefficient * $1.coefficient }
  }

  /// Saves or restores eta and v.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.code("learning-rate", &learningRate)
    var values = [average]
    try state.code("average", &values, count: 1)
    average = values[0]
  }

  /// 1 float.
  public var stateCount: Int { 1 }
}
