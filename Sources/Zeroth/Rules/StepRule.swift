/// Turns an estimate into an update. Rules measure nothing; they own their state.
///
/// Laws, checked by the test kit: no forward pass; at beta = 0 the step of SGD; a copy of a rule is independent of it.
public protocol StepRule<Direction>: Sendable {
  /// The kind of direction that estimates have.
  associatedtype Direction: Zeroth.Direction
  /// The kind of direction that updates are.
  associatedtype Update: Zeroth.Direction

  /// eta, over the steps.
  var learningRate: Schedule { get }
  /// lambda, by block; the framework applies it with the update.
  var weightDecay: WeightDecay { get }

  /// How many queries a step must have, at least: two for a rule that compares ``GradientEstimate/coefficients``.
  var fewestQueries: Int { get }

  /// Throws `InputError` when its options are out of range.
  func validate(_ layout: ParameterLayout) throws(InputError)

  /// The update of this step: theta moves by it, its sign and the learning rate included.
  mutating func update(from estimate: GradientEstimate<Direction>, context: StepContext) -> Update

  /// Throws what went wrong in foreign code that makes the updates, of which nothing else can be thrown: the optimiser calls it
  /// before theta is moved by an update, and once it was.
  func check() throws

  /// Floats of state that the rule holds now.
  var stateCount: Int { get }

  /// Codes all that the next steps depend on beside theta and the options, so that a checkpoint can be written and restored
  /// (`Optimizer.save`, `Optimizer.restore`). Laws, checked by the test kit: what was saved and restored goes on bit for bit.
  ///
  /// Throws `InputError` for a checkpoint that does not fit.
  mutating func codeState(_ state: StateCoder) throws(InputError)
}

extension StepRule {
  /// No weight decay, unless the rule has an option for it.
  public var weightDecay: WeightDecay { .none }
  /// One: a rule looks at the estimate alone, unless it says more.
  public var fewestQueries: Int { 1 }
  /// Checks the learning rate and the weight decay.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try learningRate.validate()
    try weightDecay.validate()
  }
  /// Nothing: nothing can go wrong.
  public func check() throws {}
  /// No state: the rule looks at one estimate alone.
  public var stateCount: Int { 0 }
  /// Keeps nothing: right for a rule without state.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {}
}
