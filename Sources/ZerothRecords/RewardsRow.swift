import ZerothSupport

extension MetricsRow {
  /// The rewards of a step, in a run that maximises a reward.
  public struct Rewards: Sendable, Hashable {
    /// The mean over all points and examples.
    public var mean: Double
    /// The standard deviation over the points of their mean rewards; 0 where no direction changed the reward.
    public var overPoints: Double
    /// The standard deviation over the examples of their mean rewards.
    public var overExamples: Double
    /// The share of the examples whose answers were not the same at all points.
    public var changed: Double

    /// The numbers of one step.
    public init(mean: Double, overPoints: Double, overExamples: Double, changed: Double) {
      self.mean = mean
      self.overPoints = overPoints
      self.overExamples = overExamples
      self.changed = changed
    }

    var numbers: [Double] { [mean, overPoints, overExamples, changed] }

    var json: JSON {
      [
        "mean": .double(mean), "over_points": .double(overPoints), "over_examples": .double(overExamples),
        "answers_changed": .double(changed),
      ]
    }

    /// Reads what `json` wrote. Null means NaN.
    init(_ json: JSON, subject: String) throws(InputError) {
      let reader = RowReader(json, "\(subject): reward")
      self.init(
        mean: try reader.number("mean"), overPoints: try reader.number("over_points"),
        overExamples: try reader.number("over_examples"), changed: try reader.number("answers_changed"))
    }
  }
}
