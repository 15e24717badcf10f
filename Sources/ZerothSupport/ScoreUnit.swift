/// How the values of a metric are read. Most metrics are shares, where more is better. A reward is a number of any
/// size, where more is better too. Perplexities and bits are numbers where less is better.
public enum ScoreUnit: Sendable, Hashable {
  /// A part of 1, shown in percent.
  case share
  /// A number where less is better.
  case cost
  /// A number where more is better.
  case gain

  /// The unit of the metric called `name` in files or texts.
  public init(of name: String) {
    let costs = ["perplexity", "bits_per_byte"]
    self = costs.contains(name.replacing(" ", with: "_")) ? .cost : name == "reward" ? .gain : .share
  }

  /// Whether `value` is better than `other`. False where one of the two is NaN.
  public func isBetter(_ value: Double, than other: Double) -> Bool {
    self == .cost ? value < other : value > other
  }

  /// The value for people: `71.3%`, or `12.341`.
  public func text(_ value: Double) -> String { self == .share ? Human.percent(value) : Human.fixed(value, 3) }

  /// The factor by which tables and charts multiply values.
  public var scale: Double { self == .share ? 100 : 1 }
  /// The text behind the metric's name where values are multiplied by `scale`: ` %`, or nothing.
  public var mark: String { self == .share ? " %" : "" }
}
