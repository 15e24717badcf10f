/// The values of a task's metrics on some examples. The first metric is the one by which models are chosen.
public struct Scores: Sendable, Hashable {
  /// A metric and its value.
  public struct Value: Sendable, Hashable {
    /// The metric.
    public var metric: Metric
    /// The value of the metric: 0 to 1 for a share; NaN where nothing was measured.
    public var value: Double

    /// `metric` with its `value`.
    public init(_ metric: Metric, _ value: Double) {
      self.metric = metric
      self.value = value
    }
  }

  /// The metrics in the task's order.
  public let values: [Value]

  /// Scores of `values`. The first one is used to choose and to rank.
  public init(_ values: [Value]) { self.values = values }

  /// The value of the first metric; NaN where there is none.
  public var main: Double { values.first?.value ?? .nan }

  /// The first metric, by which models are chosen.
  public var metric: Metric { values.first?.metric ?? .accuracy }

  /// Whether these scores are better than `other` by the first metric. False where it was not measured.
  public func isBetter(than other: Scores) -> Bool { metric.unit.isBetter(main, than: other.main) }

  /// The value of the first metric, formatted for people.
  public var text: String { metric.unit.text(main) }

  /// The value of `metric`; nil where it was not measured.
  public subscript(metric: Metric) -> Double? { values.first { $0.metric == metric }?.value }
}
