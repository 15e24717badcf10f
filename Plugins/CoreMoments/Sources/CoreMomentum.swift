import Zeroth

/// Momentum of an estimator's core C, with the estimate g = A(C):
///
///     M = beta M + (1 - beta) C,   theta -= eta A(M)
///
/// On matrices M is as small as the core; vectors keep m = beta m + (1 - beta) g. As long as the frame A stays, this is momentum of g.
/// When A is drawn again, M is re-expressed so that A(M) changes least, or forgotten. With LGE, whose core is U, this is LOZO-M; with TeZO
/// it is TeZO-m.
///
/// Cost: the floats of the cores.
public struct CoreMomentum<D: CoreDirection>: StepRule {
  /// A direction with a core.
  public typealias Direction = D
  /// A(M).
  public typealias Update = D.Image

  /// What becomes of M when the frame is drawn again.
  public enum Refresh: String, CaseIterable, Sendable {
    /// A(M) changes least.
    case exact
    /// M = 0.
    case reset
  }

  /// eta, over the steps.
  public var learningRate: Schedule
  /// beta, in [0, 1).
  public let beta: Double
  /// What becomes of M when the frame is drawn again.
  public let refresh: Refresh
  /// lambda, by block.
  public let weightDecay: WeightDecay
  private var momentum: CoreVector?

  /// What `beta` takes.
  public static var betaRange: NumericRange { .belowOne }

  /// Momentum of the core with decay beta.
  public init(
    learningRate: Schedule, beta: Double = 0.9, refresh: Refresh = .exact, weightDecay: WeightDecay = .none
  ) {
    self.learningRate = learningRate
    self.beta = beta
    self.refresh = refresh
    self.weightDecay = weightDecay
  }

  /// Throws when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try learningRate.validate()
    try weightDecay.validate()
    try Self.betaRange.require("beta", beta)
  }

  /// Moves M, carried over to the estimate's frame first, and returns -eta A(M).
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

  /// eta, and M with its frame.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("refresh", refresh.rawValue)
    try state.code("learning-rate", &learningRate)
    try state.code("momentum", &momentum)
  }

  /// The floats of the cores, once the first step is done.
  public var stateCount: Int { momentum?.count ?? 0 }

  /// M of `block`; empty before the first step.
  public func momentum(of block: ParameterBlock) -> [Float] { momentum?.core(of: block) ?? [] }
}
