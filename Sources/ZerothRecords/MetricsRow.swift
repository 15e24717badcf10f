import Foundation
import Zeroth
import ZerothSupport

/// One row of `metrics.jsonl`.
public enum MetricsRow: Sendable {
  case step(Step)
  case evaluation(Evaluation)
  case layers(Layers)
  case samples(Samples)
  case diagnosis(Diagnosis)

  /// The row of one step of the optimiser.
  public struct Step: Sendable {
    /// The step, counted from 0.
    public var step: Int
    /// The losses that the estimator measured.
    public var losses: [Double]
    /// The projected gradient.
    public var projectedGradient: Double
    /// The learning rate eta at this step.
    public var learningRate: Double
    /// eps at this step; nil where the estimator has no single number for it.
    public var epsilon: Double?
    /// The number of forward passes of the run so far.
    public var forwards: Int
    /// The seconds of the run so far.
    public var seconds: Double
    /// Whether the step was skipped because a loss was not finite, so that theta did not change.
    public var skipped: Bool
    /// The rewards of the step, in a run that maximises a reward; else nil.
    public var rewards: Rewards?

    /// The row of `report`. `forwards` and `seconds` are the totals of the run, with this step included.
    public init(_ report: StepReport, forwards: Int, seconds: Double, rewards: Rewards? = nil) {
      self.init(
        step: report.step, losses: Array(report.losses), projectedGradient: report.projectedGradient,
        learningRate: report.learningRate, epsilon: report.epsilon, forwards: forwards, seconds: seconds,
        skipped: report.outcome == .skipped, rewards: rewards)
    }

    fileprivate init(
      step: Int, losses: [Double], projectedGradient: Double, learningRate: Double, epsilon: Double?, forwards: Int,
      seconds: Double, skipped: Bool, rewards: Rewards?
    ) {
      self.step = step
      self.losses = losses
      self.projectedGradient = projectedGradient
      self.learningRate = learningRate
      self.epsilon = epsilon
      self.forwards = forwards
      self.seconds = seconds
      self.skipped = skipped
      self.rewards = rewards
    }
  }

  /// The value of one metric.
  public struct Score: Sendable, Hashable {
    /// The name of the metric, such as `accuracy`.
    public var metric: String
    /// Its value.
    public var value: Double

    /// The value `value` of `metric`.
    public init(_ metric: String, _ value: Double) {
      self.metric = metric
      self.value = value
    }
  }

  /// The scores of theta on a split.
  public struct Evaluation: Sendable {
    /// The number of steps done before.
    public var step: Int
    /// The split: `dev`, `test`, ...
    public var split: String
    /// The values of the metrics. The first metric is the one by which models are chosen.
    public var scores: [Score]
    /// The mean loss; nil where it was not computed.
    public var loss: Double?
    /// The number of examples without a finite answer. They count as wrong.
    public var unanswered: Int
    /// The value of the first metric; NaN where there is none.
    public var mainScore: Double { scores.first?.value ?? .nan }

    /// Whether these scores are better than those of `other`, by the first metric.
    public func isBetter(than other: Evaluation) -> Bool {
      ScoreUnit(of: scores.first?.metric ?? "").isBetter(mainScore, than: other.mainScore)
    }

    /// The scores and loss on `split` after `step` steps.
    public init(step: Int, split: String, scores: [Score], loss: Double? = nil, unanswered: Int = 0) {
      self.step = step
      self.split = split
      self.scores = scores
      self.loss = loss
      self.unanswered = unanswered
    }
  }

  /// The row as JSON. Numbers that are not finite are written as null, and the member `non_finite` is then true.
  public var json: JSON {
    var members: [JSON.Member]
    let numbers: [Double]
    switch self {
    case .step(let row):
      numbers =
        row.losses + [row.projectedGradient, row.learningRate, row.epsilon ?? 0, row.seconds]
        + (row.rewards?.numbers ?? [])
      members = [
        .init("kind", "step"), .init("step", .int(row.step)), .init("losses", .array(row.losses.map { .double($0) })),
        .init("projected_gradient", .double(row.projectedGradient)), .init("learning_rate", .double(row.learningRate)),
      ]
      if let epsilon = row.epsilon { members.append(.init("epsilon", .double(epsilon))) }
      members += [
        .init("forwards", .int(row.forwards)), .init("seconds", .double(row.seconds)),
        .init("skipped", .bool(row.skipped)),
      ]
      if let rewards = row.rewards { members.append(.init("reward", rewards.json)) }
    case .evaluation(let row):
      numbers = row.scores.map(\.value) + [row.loss ?? 0]
      members = [
        .init("kind", "evaluation"), .init("step", .int(row.step)), .init("split", .string(row.split)),
        .init("metric", row.scores.first.map { .string($0.metric) } ?? .null),
      ]
      members += row.scores.map { .init($0.metric, .double($0.value)) }
      if let loss = row.loss { members.append(.init("loss", .double(loss))) }
      if row.unanswered > 0 { members.append(.init("unanswered", .int(row.unanswered))) }
    case .layers(let row):
      numbers = row.numbers
      members = row.members
    case .samples(let row):
      numbers = []
      members = row.members
    case .diagnosis(let row):
      numbers = row.numbers
      members = row.members
    }
    if !numbers.allSatisfy(\.isFinite) { members.append(.init("non_finite", true)) }
    return .object(members)
  }

  /// The members of an evaluation that are not scores.
  private static let evaluationKeys: Set<String> = [
    "kind", "step", "split", "metric", "loss", "unanswered", "non_finite",
  ]

  /// Reads what `json` prints. Null means NaN. Errors call the row `subject`.
  package init(_ json: JSON, subject: String) throws(InputError) {
    let row = RowReader(json, subject)
    func scores() throws(InputError) -> [Score] {
      guard let chooses = json["metric"]?.string else { throw row.missing("metric", "a metric") }
      var scores = [Score(chooses, try row.number(chooses))]
      for member in json.members ?? [] where member.key != chooses && !Self.evaluationKeys.contains(member.key) {
        scores.append(Score(member.key, try row.number(member.key)))
      }
      return scores
    }
    switch json["kind"]?.string {
    case "step":
      guard let losses = json["losses"]?.elements else { throw row.missing("losses", "an array of numbers") }
      guard case .bool(let skipped)? = json["skipped"] else { throw row.missing("skipped", "true or false") }
      self = .step(
        Step(
          step: try row.integer("step"), losses: losses.map { $0.double ?? .nan },
          projectedGradient: try row.number("projected_gradient"), learningRate: try row.number("learning_rate"),
          epsilon: try json["epsilon"].map { _ throws(InputError) in try row.number("epsilon") },
          forwards: try row.integer("forwards"), seconds: try row.number("seconds"), skipped: skipped,
          rewards: try json["reward"].map { json throws(InputError) in try Rewards(json, subject: subject) }))
    case "evaluation":
      guard let split = json["split"]?.string else { throw row.missing("split", "a text") }
      let loss = try json["loss"].map { _ throws(InputError) in try row.number("loss") }
      self = .evaluation(
        Evaluation(
          step: try row.integer("step"), split: split, scores: try scores(), loss: loss,
          unanswered: json["unanswered"] == nil ? 0 : try row.integer("unanswered")))
    case "layers":
      self = .layers(try Layers(step: try row.integer("step"), blocks: json["blocks"], subject: subject))
    case "samples":
      self = .samples(try Samples(step: try row.integer("step"), samples: json["samples"], subject: subject))
    case "diagnosis":
      self = .diagnosis(try Diagnosis(json, subject: subject))
    default: throw row.missing("kind", "step, evaluation, layers, samples or diagnosis")
    }
  }

  /// Whether the row belongs to the first `steps` steps of the run.
  package func isWithin(_ steps: Int) -> Bool {
    switch self {
    case .step(let row): row.step < steps
    case .evaluation(let row): row.step <= steps
    case .layers(let row): row.step <= steps
    case .samples(let row): row.step <= steps
    case .diagnosis(let row): row.step <= steps
    }
  }
}
