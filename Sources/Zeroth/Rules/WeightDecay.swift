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
