import Foundation
import Zeroth
import ZerothTasks

/// One row of `metrics.jsonl`.
public enum MetricsRow: Sendable {
  case step(Step)
  case evaluation(Evaluation)

  /// What one step of the optimiser did.
  public struct Step: Sendable {
    /// The step, counted from 0.
    public var step: Int
    /// The losses that the estimator measured.
    public var losses: [Double]
    /// The projected gradient.
    public var projectedGradient: Double
    /// eta at this step.
    public var learningRate: Double
    /// Forward passes of the run so far.
    public var forwards: Int
    /// Seconds of the run so far.
    public var seconds: Double
    /// Whether theta was left as it was, as a loss was not finite.
    public var skipped: Bool

    /// The row of `report`, after `forwards` forward passes and `seconds`, this step's included.
    public init(_ report: StepReport, forwards: Int, seconds: Double) {
      self.init(
        step: report.step, losses: Array(report.losses), projectedGradient: report.projectedGradient,
        learningRate: report.learningRate, forwards: forwards, seconds: seconds, skipped: report.outcome == .skipped)
    }

    fileprivate init(
      step: Int, losses: [Double], projectedGradient: Double, learningRate: Double, forwards: Int, seconds: Double,
      skipped: Bool
    ) {
      self.step = step
      self.losses = losses
      self.projectedGradient = projectedGradient
      self.learningRate = learningRate
      self.forwards = forwards
      self.seconds = seconds
      self.skipped = skipped
    }
  }

  /// How theta does on a split.
  public struct Evaluation: Sendable {
    /// Steps done before it.
    public var step: Int
    /// `dev`, `test`, ...
    public var split: String
    /// The values of the task's metrics, the one that chooses first.
    public var scores: Scores
    /// The mean loss; nil where it was not computed.
    public var loss: Double?

    /// The scores and loss on `split` after `step` steps.
    public init(step: Int, split: String, scores: Scores, loss: Double? = nil) {
      self.step = step
      self.split = split
      self.scores = scores
      self.loss = loss
    }
  }

  /// The row as JSON. Numbers that are not finite are null, and then `non_finite` is true.
  public var json: JSONValue {
    var members: [JSONValue.Member]
    let numbers: [Double]
    switch self {
    case .step(let row):
      numbers = row.losses + [row.projectedGradient, row.learningRate, row.seconds]
      members = [
        .init("kind", "step"), .init("step", .int(row.step)), .init("losses", .array(row.losses.map { .double($0) })),
        .init("projected_gradient", .double(row.projectedGradient)), .init("learning_rate", .double(row.learningRate)),
        .init("forwards", .int(row.forwards)), .init("seconds", .double(row.seconds)),
        .init("skipped", .bool(row.skipped)),
      ]
    case .evaluation(let row):
      numbers = row.scores.values.map(\.value) + [row.loss ?? 0]
      members = [
        .init("kind", "evaluation"), .init("step", .int(row.step)), .init("split", .string(row.split)),
        .init("metric", .string(row.scores.metric.rawValue)),
      ]
      members += row.scores.values.map { .init($0.metric.rawValue, .double($0.value)) }
      if let loss = row.loss { members.append(.init("loss", .double(loss))) }
    }
    if !numbers.allSatisfy(\.isFinite) { members.append(.init("non_finite", true)) }
    return .object(members)
  }

  /// Reads what `json` prints; null is NaN. `subject` names the row in errors.
  init(_ json: JSONValue, subject: String) throws(InputError) {
    func number(_ key: String) throws(InputError) -> Double {
      if json[key] == .null { return .nan }
      guard let number = json[key]?.number else { throw missing(key, "a number") }
      return number
    }
    func integer(_ key: String) throws(InputError) -> Int {
      guard let number = json[key]?.integer else { throw missing(key, "an integer") }
      return number
    }
    func missing(_ key: String, _ type: String) -> InputError {
      InputError("\(subject): \(key)", found: json[key].map { "\($0)" } ?? "nothing", expected: type)
    }
    func scores() throws(InputError) -> Scores {
      guard let chooses = json["metric"]?.text.flatMap(Metric.init(rawValue:)) else {
        throw missing("metric", "a metric")
      }
      var values = [Scores.Value(chooses, try number(chooses.rawValue))]
      for metric in Metric.allCases where metric != chooses && json[metric.rawValue] != nil {
        values.append(Scores.Value(metric, try number(metric.rawValue)))
      }
      return Scores(values)
    }
    switch json["kind"]?.text {
    case "step":
      guard let losses = json["losses"]?.elements else { throw missing("losses", "an array of numbers") }
      guard case .bool(let skipped)? = json["skipped"] else { throw missing("skipped", "true or false") }
      self = .step(
        Step(
          step: try integer("step"), losses: losses.map { $0.number ?? .nan },
          projectedGradient: try number("projected_gradient"), learningRate: try number("learning_rate"),
          forwards: try integer("forwards"), seconds: try number("seconds"), skipped: skipped))
    case "evaluation":
      guard let split = json["split"]?.text else { throw missing("split", "a text") }
      let loss = try json["loss"].map { _ throws(InputError) in try number("loss") }
      self = .evaluation(
        Evaluation(step: try integer("step"), split: split, scores: try scores(), loss: loss))
    default: throw missing("kind", "step or evaluation")
    }
  }

  /// Whether the row belongs to a run of which `steps` steps are done.
  func isWithin(_ steps: Int) -> Bool {
    switch self {
    case .step(let row): row.step < steps
    case .evaluation(let row): row.step <= steps
    }
  }
}
