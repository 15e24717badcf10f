/// Momentum that is stored in full, in one of two forms:
///
///     EMA ([LOZO], default):  m = beta m + (1 - beta) g,  theta -= eta m
///     heavy-ball (Polyak):    m = beta m + g,             theta -= eta m     (steps 1/(1 - beta) times as large)
///
/// Cost: d stored floats, of the trainable blocks.
public struct Momentum<D: Direction>: StepRule {
  /// Any kind of direction: it only has to be added to m.
  public typealias Direction = D
  /// The update -eta m. It shares m with the rule until the next step changes m.
  public typealias Update = StoredDirection

  /// The recursion of m.
  public enum Form: String, CaseIterable, Sendable {
    case ema
    case heavyBall = "heavy-ball"
  }

  /// The learning rate eta over the steps.
  public var learningRate: Schedule
  /// beta in [0, 1): the part of m that a step keeps.
  public let beta: Double
  /// The recursion of m.
  public let form: Form
  /// The weight decay lambda of each block.
  public let weightDecay: WeightDecay
  private var momentum: StoredVector?

  /// The range of `beta`.
  public static var betaRange: NumericRange { .belowOne }

  /// Momentum with these options.
  public init(
    learningRate: Schedule, beta: Double = 0.9, form: Form = .ema, weightDecay: WeightDecay = .none
  ) {
    self.learningRate = learningRate
    self.beta = beta
    self.form = form
    self.weightDecay = weightDecay
  }

  /// Throws `InputError` when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try learningRate.validate()
    try weightDecay.validate()
    try Self.betaRange.require("beta", beta)
  }

  /// Updates m and returns -eta m.
  public mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> StoredDirection {
    let weight = form == .ema ? 1 - beta : 1
    var m = momentum.take() ?? StoredVector(context.layout.trainable)
    m.decayAndAdd(Float(beta), estimate.terms.map { (Float(weight * $0.coefficient), $0.direction) })
    momentum = m
    return StoredDirection(m, scale: Float(-learningRate(at: context.step)))
  }

  /// Saves or restores the form, eta and m.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("form", form.rawValue)
    try state.code("learning-rate", &learningRate)
    try state.code("momentum", &momentum, of: state.layout.trainable)
  }

  /// d floats after the first step, 0 before it.
  public var stateCount: Int { momentum?.count ?? 0 }
}
