import Foundation
import Zeroth

/// Adam on the core C of a direction, where the estimate is g = A(C) (SubZero+, arXiv 2608.15665):
///
///     M = beta_1 M + (1 - beta_1) C,   V = beta_2 V + (1 - beta_2) C^2                       elementwise
///     theta -= eta A((M / (1 - beta_1^t)) / (sqrt(V / (1 - beta_2^t)) + zeta))
///
/// t counts the updates since the frame A was drawn, with this one. When A is drawn anew, M and V of matrices are
/// reset, because elements of a core say nothing about the elements of a core in another frame. Vectors belong to no
/// frame; on them this is Adam.
///
/// Cost: twice the floats of the cores.
public struct CoreAdam<D: CoreDirection>: StepRule {
  /// A direction with a core.
  public typealias Direction = D
  /// The image A of Adam's step on the core.
  public typealias Update = D.Image

  /// The learning rate eta over the steps.
  public var learningRate: Schedule
  /// beta_1, in [0, 1).
  public let beta: Double
  /// beta_2, in [0, 1).
  public let beta2: Double
  /// zeta > 0, which is added to the root of V.
  public let stability: Double
  /// The weight decay lambda of each block.
  public let weightDecay: WeightDecay
  private var first: CoreVector?
  private var second: CoreVector?
  /// The number of updates in the moments: those of vectors, and those of matrices, which start again with each frame.
  private var updates = 0
  private var updatesOfFrame = 0

  /// The range of `beta`.
  public static var betaRange: NumericRange { .belowOne }
  /// The range of `beta2`.
  public static var beta2Range: NumericRange { .belowOne }
  /// The range of `stability`.
  public static var stabilityRange: NumericRange { .positiveFloat }

  /// Adam on cores with these options.
  public init(
    learningRate: Schedule, beta: Double = 0.9, beta2: Double = 0.999, stability: Double = 1e-8,
    weightDecay: WeightDecay = .none
  ) {
    self.learningRate = learningRate
    self.beta = beta
    self.beta2 = beta2
    self.stability = stability
    self.weightDecay = weightDecay
  }

  /// Throws `InputError` when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try learningRate.validate()
    try weightDecay.validate()
    try Self.betaRange.require("beta", beta)
    try Self.beta2Range.require("beta2", beta2)
    try Self.stabilityRange.require("stability", stability)
  }

  /// Updates M and V in one pass, and returns the image of the step that they give.
  public mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> D.Image {
    let direction = estimate.coreFrame
    var m = first.take() ?? CoreVector(for: direction, in: context.layout)
    var v = second.take() ?? CoreVector(for: direction, in: context.layout)
    if m.frameKey != direction.frameKey {
      m.reset(to: direction)
      v.reset(to: direction)
      updatesOfFrame = 0
    }
    updates += 1
    updatesOfFrame += 1
    let sum = WeightedSum(estimate.terms.map { (Float($0.coefficient), $0.direction) })
    let (keep, gain) = (Float(beta), Float(1 - beta))
    let (secondKeep, secondGain) = (Float(beta2), Float(1 - beta2))
    m.forEachPanel(with: &v) { block, rows, m, v in
      withScratch(m.count) { c in
        c.initialize(repeating: 0)
        sum.addCore(to: c, of: block, rows: rows)
        for i in 0..<m.count {
          m[i] = keep * m[i] + gain * c[i]
          v[i] = secondKeep * v[i] + secondGain * c[i] * c[i]
        }
      }
    }
    var step = m
    let (ofMatrices, ofVectors) = (corrections(updatesOfFrame), corrections(updates))
    let zeta = Float(stability)
    step.forEachPanel(with: &v) { block, _, step, v in
      let (scale, secondScale) = block.isMatrix ? ofMatrices : ofVectors
      for i in 0..<step.count { step[i] = scale * step[i] / ((secondScale * v[i]).squareRoot() + zeta) }
    }
    (first, second) = (m, v)
    return direction.image(of: step, scale: Float(-learningRate(at: context.step)))
  }

  /// The factors that correct moments of this number of updates for their start at 0.
  private func corrections(_ updates: Int) -> (first: Float, second: Float) {
    (Float(1 / (1 - pow(beta, Double(updates)))), Float(1 / (1 - pow(beta2, Double(updates)))))
  }

  /// Saves or restores eta, the moments with their frame, and the numbers of updates.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.code("learning-rate", &learningRate)
    try state.code("updates", &updates)
    try state.code("updates-of-frame", &updatesOfFrame)
    try state.code("first", &first)
    try state.code("second", &second)
  }

  /// Twice the floats of the cores after the first step, 0 before it.
  public var stateCount: Int { (first?.count ?? 0) + (second?.count ?? 0) }
}
