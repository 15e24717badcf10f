import Foundation
import Zeroth

/// Adam with a single number as second moment, that of the projected gradient c (MEAZO, Dbouk et al. 2026):
///
///     v = beta v + (1 - beta) c^2,   theta -= eta g / (sqrt(v / (1 - beta^t)) + zeta)              t = step + 1
///
/// All elements of z have the same variance, so the elementwise second moment of g = c z equals c^2 up to noise. The
/// stored number is the corrected average v / (1 - beta^t) itself, so no count of updates has to be stored. After a
/// skipped step, the next one has a lower weight, and nothing else changes.
///
/// Cost: 4 bytes, one stored float.
public struct ScalarAdam<D: Direction>: StepRule {
  /// Any kind of direction.
  public typealias Direction = D
  /// A weighted sum of the estimate's directions.
  public typealias Update = WeightedSum<D>

  /// The learning rate eta over the steps.
  public var learningRate: Schedule
  /// beta in [0, 1): the part of v that a step keeps.
  public let beta2: Double
  /// zeta > 0, which is added to the root of v.
  public let stability: Double
  /// The weight decay lambda of each block.
  public let weightDecay: WeightDecay
  /// The corrected average v / (1 - beta^t); 0 before the first update.
  private var average: Float = 0

  /// The range of `beta2`.
  public static var beta2Range: NumericRange { .belowOne }
  /// The range of `stability`.
  public static var stabilityRange: NumericRange { .positive }

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
    let c = estimate.projectedGradient
    let weight = average == 0 ? 1 : (1 - beta2) / (1 - pow(beta2, Double(context.step + 1)))
    average = Float(Double(average) + weight * (c * c - Double(average)))
    let eta = learningRate(at: context.step) / (Double(average).squareRoot() + stability)
    return WeightedSum(estimate.terms.map { (Float(-eta * $0.coefficient), $0.direction) })
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
