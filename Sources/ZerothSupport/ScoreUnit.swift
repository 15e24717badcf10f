/// How the values of a metric are read: most are shares, of which more is better; so it is of a reward, a number of any size;
/// perplexities and bits are numbers, of which less is.
public enum ScoreUnit: Sendable, Hashable {
  /// A part of 1, shown in percent.
  case share
  /// A number that is to be small.
  case cost
  /// A number that is to be large.
  case gain

  /// The unit of the metric called `name`, as files or texts call it.
  public init(of name: String) {
    let costs = ["perplexity", "bits_per_byte"]
    self = costs.contains(name.replacing(" ", with: "_")) ? .cost : name == "reward" ? .gain : .share
  }

  /// Whether `value` is better than `other`; never where one of the two is no number.
  public func isBetter(_ value: Double, than other: Double) -> Bool {
    self == .cost ? value < other : value > other
  }

  /// The value for people: `71.3%`, or `12.341`.
  public func text(_ value: Double) -> String { self == .share ? Human.percent(value) : Human.fixed(value, 3) }

  /// What tables and charts multiply values by.
  public var scale: Double { self == .share ? 100 : 1 }
  /// What stands behind the metric's name where values are shown so: ` %`, or nothing.
  public var mark: String { self == .share ? " %" : "" }
}
