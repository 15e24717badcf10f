/// Momentum that is stored, in one of two forms:
///
///     EMA ([LOZO], default):  m = beta m + (1 - beta) g,  theta -= eta m
///     heavy-ball (Polyak):    m = beta m + g,             theta -= eta m     (steps 1/(1 - beta) times as large)
///
/// Cost: d stored floats, of the trainable blocks.
public struct Momentum<D: Direction>: StepRule {
  /// Any kind of direction: the rule asks nothing of it but to be added to m.
  public typealias Direction = D
  /// m, which the update shares with the rule until the next step moves it.
  public typealias Update = StoredDirection

  /// Which recursion m follows.
  public enum Form: String, CaseIterable, Sendable {
    case ema
    case heavyBall = "heavy-ball"
  }

  /// eta, over the steps.
  public var learningRate: Schedule
  /// beta, in [0, 1).
  public let beta: Double
  /// Which recursion m follows.
  public let form: Form
  /// lambda, by block.
  public let weightDecay: WeightDecay
  private var momentum: StoredVector?

  /// What `beta` takes.
  public static var betaRange: NumericRange { .belowOne }

  /// Momentum with decay beta.
  public init(
    learningRate: Schedule, beta: Double = 0.9, form: Form = .ema, weightDecay: WeightDecay = .none
  ) {
    self.learningRate = learningRate
    self.beta = beta
    self.form = form
    self.weightDecay = weightDecay
  }

  /// Throws when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try learningRate.validate()
    try weightDecay.validate()
    try Self.betaRange.require("beta", beta)
  }

  /// Moves m and returns -eta m.
  public mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> StoredDirection {
    let weight = form == .ema ? 1 - beta : 1
    var m = momentum.take() ?? StoredVector(context.layout.trainable)
    m.decayAndAdd(Float(beta), estimate.terms.map { (Float(weight * $0.coefficient), $0.direction) })
    momentum = m
    return StoredDirection(m, scale: Float(-learningRate(at: context.step)))
  }

  /// The form, eta and m.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("form", form.rawValue)
    try state.code("learning-rate", &learningRate)
    try state.code("momentum", &momentum, of: state.layout.trainable)
  }

  /// d floats, once the first step is done.
  public var stateCount: Int { momentum?.count ?? 0 }
}
