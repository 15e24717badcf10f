/// LOZO-M: momentum kept in the left factor ([LOZO]):
///
///     N = beta N + (1 - beta) c U,   W -= eta N V^T / r          N in R^{m x r} for each matrix
///
/// When V is drawn again, N is re-expressed so that N V^T changes least,
/// N <- N (V_old^T V_new)(V_new^T V_new)^{-1}, an r x r solve; the slides' N <- N V_old^T V_new / n is an option.
/// Vectors keep m = beta m + (1 - beta) c z. Within a window of V this is dense EMA momentum.
///
/// Cost: r m floats for each matrix and n for each vector.
public struct LowRankMomentum<D: LowRankDirection>: StepRule {
  /// A direction with factors, of which U is gathered in N and V is kept.
  public typealias Direction = D
  /// N V^T, which shares N with the rule until the next step moves it.
  public typealias Update = LowRankMomentumUpdate

  /// How N is carried over to a new V.
  public enum Refresh: String, CaseIterable, Sendable {
    /// Least squares: the r x r solve.
    case exact
    /// V_new^T V_new taken as n I, as on the slides.
    case approximate
    /// N = 0.
    case reset
  }

  /// eta, over the steps.
  public var learningRate: Schedule
  /// beta, in [0, 1).
  public let beta: Double
  /// How N is carried over to a new V.
  public let refresh: Refresh
  /// lambda, by block.
  public let weightDecay: WeightDecay
  private var state: LowRankMomentumState?

  /// What `beta` takes.
  public static var betaRange: NumericRange { .belowOne }

  /// LOZO-M with decay beta.
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

  /// Moves N, carried over to the estimate's V first, and returns -eta N V^T / r.
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

  /// eta, N of each matrix with its V, and m of each vector.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("refresh", refresh.rawValue)
    try state.code("learning-rate", &learningRate)
    guard try state.codePresence("momentum", self.state != nil) else {
      self.state = nil
      return
    }
    // While it is written nothing of it changes, so that copies of this rule may share it.
    let fresh = state.isRestoring ? LowRankMomentumState(state.layout, state.generator) : nil
    guard let own = fresh ?? self.state else { return }
    try own.code(state)
    self.state = own
  }

  /// r m floats for each matrix and n for each vector, once the first step is done.
  public var stateCount: Int { state?.count ?? 0 }

  /// N of the matrix `block` as an array of m x r; empty before the first step.
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
