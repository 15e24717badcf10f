/// How a task's predictions are measured. Raw values are the names in files.
public enum Metric: String, Sendable, CaseIterable {
  /// The share of right predictions.
  case accuracy
  /// F1 of the last class over all examples, as MultiRC's over answers.
  case f1
  /// SQuAD's F1 over the words of generated answers, averaged over the examples.
  case answerF1 = "answer_f1"
  /// SQuAD's share of generated answers that equal a gold answer.
  case exactMatch = "exact_match"

  /// The name in text: `F1`.
  public var displayName: String {
    switch self {
    case .accuracy: "accuracy"
    case .f1, .answerF1: "F1"
    case .exactMatch: "exact match"
    }
  }
}

extension TextTask.Kind {
  /// The metrics that measure such a task's answers.
  public var metrics: [Metric] {
    switch self {
    case .classification: [.accuracy, .f1]
    case .multipleChoice: [.accuracy]
    case .generation: [.answerF1, .exactMatch]
    }
  }
}
