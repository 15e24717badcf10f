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

/// lambda of decoupled weight decay, theta -= eta lambda theta. Blocks of one column do not decay unless asked for: in a
/// model those are its biases and the gains of its norms.
public struct WeightDecay: Sendable, Hashable, ExpressibleByFloatLiteral {
  /// lambda >= 0, on the blocks that decay.
  public let rate: Double
  /// The blocks that do not decay.
  public let excluded: BlockSelection

  /// No decay.
  public static let none = WeightDecay(0)

  /// What `rate` takes.
  public static let rateRange = NumericRange.nonNegative

  /// Decay by `rate` outside the blocks of `excluded`, such as `.roles("norm", "bias", "embedding")`.
  public init(_ rate: Double, excluding excluded: BlockSelection = .oneColumn) {
    self.rate = rate
    self.excluded = excluded
  }

  /// Decay by a number, outside blocks of one column.
  public init(floatLiteral value: Double) { self.init(value) }

  /// lambda on `block`.
  public func rate(on block: ParameterBlock) -> Double { excluded.contains(block) ? 0 : rate }

  /// Throws when lambda is out of range: a rule with options of its own calls it in its `validate`.
  public func validate() throws(InputError) {
    try Self.rateRange.require("weight-decay", rate)
  }
}
