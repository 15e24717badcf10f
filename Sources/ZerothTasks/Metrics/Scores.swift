/// The values of a task's metrics on some examples, the one that chooses first.
public struct Scores: Sendable, Hashable {
  /// A metric and its value.
  public struct Value: Sendable, Hashable {
    /// The metric.
    public var metric: Metric
    /// Its value, 0 to 1; NaN where nothing was measured.
    public var value: Double

    /// `metric` with its `value`.
    public init(_ metric: Metric, _ value: Double) {
      self.metric = metric
      self.value = value
    }
  }

  /// The metrics in the task's order.
  public let values: [Value]

  /// Scores of `values`, the first of which chooses and ranks.
  public init(_ values: [Value]) { self.values = values }

  /// The value of the metric that chooses; NaN without any.
  public var main: Double { values.first?.value ?? .nan }

  /// The metric that chooses.
  public var metric: Metric { values.first?.metric ?? .accuracy }

  /// Whether the metric that chooses says that these scores are better than `other`; never where it was not measured.
  public func isBetter(than other: Scores) -> Bool { metric.unit.isBetter(main, than: other.main) }

  /// The value of the metric that chooses, for people.
  public var text: String { metric.unit.text(main) }

  /// The value of `metric`, if it was measured.
  public subscript(metric: Metric) -> Double? { values.first { $0.metric == metric }?.value }
}
