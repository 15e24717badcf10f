/// LOZO-M: momentum that is kept in the left factor ([LOZO]):
///
///     N = beta N + (1 - beta) c U,   W -= eta N V^T / r          N in R^{m x r} for each matrix
///
/// When V is drawn anew, N is converted so that N V^T changes as little as possible: N <- N (V_old^T V_new)(V_new^T
/// V_new)^{-1}, an r x r solve. The slides use N <- N V_old^T V_new / n instead, which is an option. Vectors keep m =
/// beta m + (1 - beta) c z. As long as V stays the same, this equals dense momentum in the EMA form.
///
/// Cost: r m floats for each matrix and n for each vector.
public struct LowRankMomentum<D: LowRankDirection>: StepRule {
  /// A direction with factors U V^T. N sums up the factors U.
  public typealias Direction = D
  /// The update N V^T. It shares N with the rule until the next step changes N.
  public typealias Update = LowRankMomentumUpdate

  /// How N is converted to a new V.
  public enum Refresh: String, CaseIterable, Sendable {
    /// By least squares: the r x r solve.
    case exact
    /// With n I in place of V_new^T V_new, as on the slides.
    case approximate
    /// Not at all: N = 0.
    case reset
  }

  /// The learning rate eta over the steps.
  public var learningRate: Schedule
  /// beta in [0, 1): the part of the momentum that a step keeps.
  public let beta: Double
  /// How N is converted to a new V.
  public let refresh: Refresh
  /// The weight decay lambda of each block.
  public let weightDecay: WeightDecay
  private var state: LowRankMomentumState?

  /// The range of `beta`.
  public static var betaRange: NumericRange { .belowOne }

  /// The rule with these options.
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

  /// Converts N to the V of the estimate if that is a new one, updates N, and returns -eta N V^T / r.
  public mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> LowRankMomentumUpdate {
    guard let first = estimate.terms.first?.direction else { preconditionFailure("an estimate has a direction") }
    precondition(
      estimate.terms.allSatisfy { $0.direction.rightKey == first.rightKey },
      "LOZO-M needs one V in all directions of an estimate")
    let state = ownedState(first, context.layout)
    state.moveTo(first, refresh: refresh)
    state.decayAndAdd(Float(beta), estimate.terms.map { (Float((1 - beta) * $0.coefficient), $0.direction) })
    return LowRankMomentumUpdate(state, scale: Float(-learningRate(at: context.step)))
  }

  /// Saves or restores eta, N of each matrix with its V, and m of each vector.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("refresh", refresh.rawValue)
    try state.code("learning-rate", &learningRate)
    guard try state.codePresence("momentum", self.state != nil) else {
      self.state = nil
      return
    }
    // Writing a checkpoint does not change the state, so copies of this rule may share it.
    let fresh = state.isRestoring ? LowRankMomentumState(state.layout, state.generator) : nil
    guard let own = fresh ?? self.state else { return }
    try own.code(state)
    self.state = own
  }

  /// r m floats for each matrix and n for each vector after the first step, 0 before it.
  public var stateCount: Int { state?.count ?? 0 }

  /// The momentum N of the matrix `block`, as an array of m x r; empty before the first step.
  public func momentum(of block: ParameterBlock) -> [Float] { state?.left(of: block) ?? [] }

  private mutating func ownedState(_ direction: D, _ layout: ParameterLayout) -> LowRankMomentumState {
    if state == nil {
      state = LowRankMomentumState(direction, layout)
    } else if !isKnownUniquelyReferenced(&state) {
      state = state?.copy()
    }
    guard let state else { preconditionFailure("made above") }
    return state
  }
}
