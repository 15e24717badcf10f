import Zeroth

/// Momentum of the core C of a direction, where the estimate is g = A(C):
///
///     M = beta M + (1 - beta) C,   theta -= eta A(M)
///
/// On matrices M is only as large as the core; vectors keep m = beta m + (1 - beta) g. As long as the frame A stays the
/// same, this equals momentum of g. When A is drawn anew, M is either converted so that A(M) changes as little as
/// possible, or reset. With LGE, whose core is U, this is LOZO-M; with TeZO it is TeZO-m.
///
/// Cost: the floats of the cores.
public struct CoreMomentum<D: CoreDirection>: StepRule {
  /// A direction with a core.
  public typealias Direction = D
  /// The image A(M) of the momentum.
  public typealias Update = D.Image

  /// What happens to M when the frame is drawn anew.
  public enum Refresh: String, CaseIterable, Sendable {
    /// M is converted so that A(M) changes as little as possible.
    case exact
    /// M = 0.
    case reset
  }

  /// The learning rate eta over the steps.
  public var learningRate: Schedule
  /// beta in [0, 1): the part of M that a step keeps.
  public let beta: Double
  /// What happens to M when the frame is drawn anew.
  public let refresh: Refresh
  /// The weight decay lambda of each block.
  public let weightDecay: WeightDecay
  private var momentum: CoreVector?

  /// The range of `beta`.
  public static var betaRange: NumericRange { .belowOne }

  /// Momentum of the core with these options.
  public init(
    learningRate: Schedule, beta: Double = 0.9, refresh: Refresh = .exact, weightDecay: WeightDecay = .none
  ) {
    self.learningRate = learningRate
    self.beta = beta
    self.refresh = refresh
    self.weightDecay = weightDecay
  }

  /// Throws `InputError` when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try learningRate.validate()
    try weightDecay.validate()
    try Self.betaRange.require("beta", beta)
  }

  /// Converts M to the frame of the estimate if that is a new one, updates M, and returns -eta A(M).
  public mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> D.Image {
    let direction = estimate.coreFrame
    var m = momentum.take() ?? CoreVector(for: direction, in: context.layout)
    if m.frameKey != direction.frameKey {
      if refresh == .exact { m.carry(to: direction) } else { m.reset(to: direction) }
    }
    m.decayAndAdd(Float(beta), WeightedSum(estimate.terms.map { (Float((1 - beta) * $0.coefficient), $0.direction) }))
    momentum = m
    return direction.image(of: m, scale: Float(-learningRate(at: context.step)))
  }

  /// Saves or restores eta, and M with its frame.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("refresh", refresh.rawValue)
    try state.code("learning-rate", &learningRate)
    try state.code("momentum", &momentum)
  }

  /// The floats of the cores after the first step, 0 before it.
  public var stateCount: Int { momentum?.count ?? 0 }

  /// The momentum M of `block`; empty before the first step.
  public func momentum(of block: ParameterBlock) -> [Float] { momentum?.core(of: block) ?? [] }
}
