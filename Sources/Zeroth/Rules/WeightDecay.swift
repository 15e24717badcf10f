/// The factor lambda of decoupled weight decay, theta -= eta lambda theta. By default blocks of one column do not
/// decay. In a model these are the biases and the gains of norms.
public struct WeightDecay: Sendable, Hashable, ExpressibleByFloatLiteral {
  /// lambda >= 0, on the blocks that decay.
  public let rate: Double
  /// The blocks that do not decay.
  public let excluded: BlockSelection

  /// No decay.
  public static let none = WeightDecay(0)

  /// The range of `rate`.
  public static let rateRange = NumericRange.nonNegative

  /// Decay by `rate` outside the blocks of `excluded`, such as `.roles("norm", "bias", "embedding")`.
  public init(_ rate: Double, excluding excluded: BlockSelection = .oneColumn) {
    self.rate = rate
    self.excluded = excluded
  }

  /// Decay by `value`, outside the blocks of one column.
  public init(floatLiteral value: Double) { self.init(value) }

  /// The value of lambda on `block`: 0 where the block is excluded.
  public func rate(on block: ParameterBlock) -> Double { excluded.contains(block) ? 0 : rate }

  /// Throws `InputError` when lambda is out of range. A rule that has its own `validate` calls this from there.
  public func validate() throws(InputError) {
    try Self.rateRange.require("weight-decay", rate)
  }
}
