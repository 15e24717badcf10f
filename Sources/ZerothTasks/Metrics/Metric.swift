import ZerothSupport

/// How the predictions for a task are measured. The raw values are the names in files.
public enum Metric: String, Sendable, CaseIterable {
  /// The share of right predictions.
  case accuracy
  /// F1 of the last class over all examples. In MultiRC these are the answers.
  case f1
  /// The mean of the F1 of the classes.
  case macroF1 = "macro_f1"
  /// SQuAD's F1 over the words of generated answers, averaged over the examples.
  case answerF1 = "answer_f1"
  /// SQuAD's share of generated answers that equal a gold answer.
  case exactMatch = "exact_match"
  /// exp of the mean loss of a token, in nats. Less is better.
  case perplexity
  /// The loss of all tokens in bits, divided by the number of bytes of their text. Less is better.
  case bitsPerByte = "bits_per_byte"
  /// The mean reward of generated answers, in the reward's own units.
  case reward

  /// The name in text: `F1`.
  public var displayName: String {
    switch self {
    case .accuracy: "accuracy"
    case .f1, .answerF1: "F1"
    case .exactMatch: "exact match"
    case .macroF1: "macro F1"
    case .perplexity: "perplexity"
    case .bitsPerByte: "bits per byte"
    case .reward: "reward"
    }
  }

  /// The unit in which its values are shown.
  public var unit: ScoreUnit { ScoreUnit(of: rawValue) }

  /// Whether it is computed from generated answers.
  public var isOfAnswers: Bool { self == .answerF1 || self == .exactMatch }
  /// Whether it is computed from the loss of known texts.
  public var isOfTexts: Bool { self == .perplexity || self == .bitsPerByte }
}

extension TextTask.Kind {
  /// Whether an answer is generated after a prompt.
  var isAnswered: Bool { self == .generation || self == .reward }

  /// The metrics that can be used for such a task.
  public var metrics: [Metric] {
    switch self {
    case .classification: [.accuracy, .f1, .macroF1]
    case .multipleChoice: [.accuracy]
    case .generation, .chat: [.perplexity, .bitsPerByte, .exactMatch, .answerF1]
    case .text: [.perplexity, .bitsPerByte]
    case .reward: [.reward]
    }
  }
}
