/// Turns an estimate of the gradient into an update of theta. A rule measures nothing, and owns its state.
///
/// Laws, checked by the test kit: a rule takes no forward pass; at beta = 0 it makes the step of SGD; a copy of a rule
/// is independent of it.
public protocol StepRule<Direction>: Sendable {
  /// The type of the directions of an estimate.
  associatedtype Direction: Zeroth.Direction
  /// The type of the update, which is a direction too.
  associatedtype Update: Zeroth.Direction

  /// The learning rate eta over the steps.
  var learningRate: Schedule { get }
  /// lambda, by block; the framework applies it with the update.
  var weightDecay: WeightDecay { get }

  /// The smallest number of queries that the rule needs in a step: 2 for a rule that compares
  /// ``GradientEstimate/coefficients``.
  var fewestQueries: Int { get }

  /// Throws `InputError` when the options are out of range.
  func validate(_ layout: ParameterLayout) throws(InputError)

  /// The update of this step. theta moves by exactly this direction: the sign and the learning rate are included.
  mutating func update(from estimate: GradientEstimate<Direction>, context: StepContext) -> Update

  /// Throws the error of a rule that runs foreign code, because `update` and the addition of its result cannot throw.
  /// The optimiser calls it before theta is moved by an update, and again afterwards.
  func check() throws

  /// The number of floats of state that the rule holds now.
  var stateCount: Int { get }

  /// Saves or restores all values on which the next steps depend, besides theta and the options. `Optimizer.save` and
  /// `Optimizer.restore` call it. Law, checked by the test kit: a run that was saved and restored goes on bit for bit.
  ///
  /// Throws `InputError` for a checkpoint that does not fit.
  mutating func codeState(_ state: StateCoder) throws(InputError)
}

extension StepRule {
  /// No weight decay: right for a rule without an option for it.
  public var weightDecay: WeightDecay { .none }
  /// 1: right for a rule that does not compare the queries of a step.
  public var fewestQueries: Int { 1 }
  /// Checks the learning rate and the weight decay.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try learningRate.validate()
    try weightDecay.validate()
  }
  /// Throws nothing: right for a rule without foreign code.
  public func check() throws {}
  /// 0: no state is kept from one step to the next.
  public var stateCount: Int { 0 }
  /// Saves nothing: right for a rule without state.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {}
}
