/// Turns an estimate into an update. Rules measure nothing; they own their state.
///
/// Laws, checked by the test kit: no forward pass; at beta = 0 the step of SGD; a copy of a rule is independent of it.
public protocol StepRule<Direction>: Sendable {
  /// The kind of direction that estimates have.
  associatedtype Direction: Zeroth.Direction
  /// The kind of direction that updates are.
  associatedtype Update: Zeroth.Direction

  /// eta, over the steps.
  var learningRate: LearningRate { get }
  /// lambda, by block; the framework applies it with the update.
  var weightDecay: WeightDecay { get }

  /// Throws `InputError` when its options are out of range.
  func validate(_ layout: ParameterLayout) throws(InputError)

  /// The update of this step: theta moves by it, its sign and the learning rate included.
  mutating func update(from estimate: GradientEstimate<Direction>, context: StepContext) -> Update

  /// Floats of state that the rule holds now.
  var stateCount: Int { get }
}

extension StepRule {
  /// No weight decay, unless the rule has an option for it.
  public var weightDecay: WeightDecay { .none }
  /// Checks the learning rate and the weight decay.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try learningRate.validate()
    try weightDecay.validate()
  }
  /// No state: the rule looks at one estimate alone.
  public var stateCount: Int { 0 }
}
