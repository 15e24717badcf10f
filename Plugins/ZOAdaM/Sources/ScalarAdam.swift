import Foundation
import Zeroth

/// Adam with a second moment that is one number, that of the projected gradient c (MEAZO, Dbouk et al. 2026):
///
///     v = beta v + (1 - beta) c^2,   theta -= eta g / (sqrt(v / (1 - beta^t)) + zeta)              t = step + 1
///
/// The elements of z all have the same variance, so the elementwise second moment of g = c z is c^2 but for noise. What is
/// kept is the corrected average v / (1 - beta^t) itself, so that no count of updates stands beside it: a step that was
/// skipped then lowers the weight of the next, and no more.
///
/// Cost: 4 bytes, one stored float.
public struct ScalarAdam<D: Direction>: StepRule {
  /// Directions of any kind, which estimates are made of.
  public typealias Direction = D
  /// A weighted sum of the estimate's directions.
  public typealias Update = WeightedSum<D>

  /// eta, over the steps.
  public var learningRate: Schedule
  /// beta, in [0, 1).
  public let beta2: Double
  /// zeta > 0, beside the root of v.
  public let stability: Double
  /// lambda, by block.
  public let weightDecay: WeightDecay
  /// v / (1 - beta^t); 0 before the first update.
  private var average: Float = 0

  /// What `beta2` takes.
  public static var beta2Range: NumericRange { .belowOne }
  /// What `stability` takes.
  public static var stabilityRange: NumericRange { .positive }

  /// The scalar variant with decay beta.
  public init(
    learningRate: Schedule, beta2: Double = 0.999, stability: Double = 1e-8, weightDecay: WeightDecay = .none
  ) {
    self.learningRate = learningRate
    self.beta2 = beta2
    self.stability = stability
    self.weightDecay = weightDecay
  }

  /// Throws when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try learningRate.validate()
    try weightDecay.validate()
    try Self.beta2Range.require("beta2", beta2)
    try Self.stabilityRange.require("stability", stability)
  }

  /// Moves v and returns -eta g / (sqrt(v) + zeta).
  public mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> WeightedSum<D> {
    let c = estimate.projectedGradient
    let weight = average == 0 ? 1 : (1 - beta2) / (1 - pow(beta2, Double(context.step + 1)))
    average = Float(Double(average) + weight * (c * c - Double(average)))
    let eta = learningRate(at: context.step) / (Double(average).squareRoot() + stability)
    return WeightedSum(estimate.terms.map { (Float(-eta * $0.coefficient), $0.direction) })
  }

  /// eta and v.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.code("learning-rate", &learningRate)
    var values = [average]
    try state.code("average", &values, count: 1)
    average = values[0]
  }

  /// One.
  public var stateCount: Int { 1 }
}
