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
