/// Turns an estimate into an update. Rules measure nothing; they own their state.
///
/// Laws, checked by the test kit: no evaluation; at beta = 0 the step of SGD; a copy of a rule is independent of it.
public protocol StepRule<Direction>: Sendable {
  /// The kind of direction that estimates have.
  associatedtype Direction: Zeroth.Direction
  /// The kind of direction that updates are.
  associatedtype Update: Zeroth.Direction

  /// eta, over the steps.
  var learningRate: LearningRate { get }
  /// lambda, by role; the framework applies it with the update.
  var weightDecay: WeightDecay { get }

  /// Throws `InputError` when its options are out of range.
  func validate(_ layout: ParameterLayout) throws(InputError)

  /// The update of this step: theta moves by it, its sign and the learning rate included.
  mutating func update(from estimate: GradientEstimate<Direction>, context: StepContext) -> Update

  /// Floats of state that the rule holds now.
  var stateCount: Int { get }
}

extension StepRule {
  /// None.
  public var weightDecay: WeightDecay { .none }
  /// Checks the learning rate and the weight decay.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try learningRate.validate()
    try weightDecay.validate()
  }
  /// None.
  public var stateCount: Int { 0 }
}

/// lambda of decoupled weight decay, theta -= eta lambda theta: nothing on norms and biases, chosen by role.
public struct WeightDecay: Sendable, Hashable, ExpressibleByFloatLiteral {
  /// lambda >= 0, on the roles that decay.
  public let rate: Double
  /// The roles that do not decay.
  public let excluded: Set<BlockRole>

  /// No decay.
  public static let none = WeightDecay(0)

  /// Decay by `rate` outside the roles in `excluded`.
  public init(_ rate: Double, excluding excluded: Set<BlockRole> = [.norm, .bias]) {
    self.rate = rate
    self.excluded = excluded
  }

  /// Decay by a number, outside norms and biases.
  public init(floatLiteral value: Double) { self.init(value) }

  /// lambda on `block`.
  public func rate(on block: ParameterBlock) -> Double { excluded.contains(block.role) ? 0 : rate }

  /// Throws when lambda is out of range: a rule with options of its own calls it in its `validate`.
  public func validate() throws(InputError) {
    try require("rule.weight-decay", rate, "a number of at least 0") { $0 >= 0 && $0.isFinite }
  }
}
