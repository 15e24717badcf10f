/// The answers of a model on a split of a task, and their scores by the task's metrics.
public struct TaskResult: Sendable {
  /// The answers.
  public enum Answers: Sendable {
    /// Predictions from the scores of candidates.
    case candidates(ClassificationResult)
    /// Generated texts.
    case generated(AnswerResult)
    /// The losses of known texts, and generated answers where a metric needs them.
    case texts(TextResult)
    /// Generated answers, and the reward of each where rewards were asked for.
    case rewarded(RewardResult)
  }

  /// The task.
  public let task: TextTask
  /// The answers, in the order of the examples.
  public let answers: Answers

  /// `answers` on `task`.
  public init(_ task: TextTask, _ answers: Answers) {
    self.task = task
    self.answers = answers
  }

  /// The values of the task's metrics.
  public var scores: Scores {
    Scores(task.metrics.compactMap { metric in value(of: metric).map { Scores.Value(metric, $0) } })
  }

  /// The number of examples without an answer, because the model's output is not finite: the model has diverged. They
  /// count as wrong.
  public var unanswered: Int {
    switch answers {
    case .candidates(let found): found.unanswered
    case .generated(let found): found.unanswered
    case .texts(let found): found.unanswered
    case .rewarded(let found): found.unanswered
    }
  }

  /// The number of examples.
  public var count: Int {
    switch answers {
    case .candidates(let found): found.labels.count
    case .generated(let found): found.answers.count
    case .texts(let found): found.losses.count
    case .rewarded(let found): found.answers.count
    }
  }

  /// The mean cross-entropy over the candidates, or the mean loss of a token of known texts; nil where answers are only
  /// generated.
  public var loss: Double? {
    switch answers {
    case .candidates(let found): found.loss
    case .generated, .rewarded: nil
    case .texts(let found): found.meanLoss
    }
  }

  /// The confusion table, where the task has classes; else nil.
  public var classes: ClassificationScore? {
    guard case .candidates(let found) = answers, !task.classes.isEmpty else { return nil }
    return ClassificationScore(classes: task.classes.count, predictions: found.predictions, labels: found.labels)
  }

  private func value(of metric: Metric) -> Double? {
    switch (answers, metric) {
    case (.candidates(let found), .accuracy): found.accuracy
    case (.candidates, .f1), (.candidates, .macroF1): classes?.value(of: metric)
    case (.generated(let found), .answerF1): found.f1
    case (.generated(let found), .exactMatch): found.exactMatch
    case (.texts(let found), _): found.value(of: metric)
    case (.rewarded(let found), .reward): found.mean
    default: nil
    }
  }
}
