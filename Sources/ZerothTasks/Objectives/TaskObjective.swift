import Zeroth

/// What a run on a task minimises. The names are those of configurations: `objective = "cross-entropy"`.
public enum TaskObjective: String, Sendable, CaseIterable {
  /// The cross-entropy of the right candidate over the candidates' scores: ``ClassificationObjective``.
  case crossEntropy = "cross-entropy"
  /// The mean next-token loss of the right candidate, or of the first gold answer: ``LanguageModelingObjective``.
  case languageModeling = "language-modeling"
  /// Minus the share of right predictions, which has no gradient: ``AccuracyObjective``.
  case accuracy
  /// Minus the F1 of greedily generated answers, which has no gradient: ``F1Objective``.
  case f1
}

extension TextTask {
  /// The objectives that fit the task; the first is the one that the papers train it by.
  public var objectives: [TaskObjective] {
    switch kind {
    case .classification: [.crossEntropy, .languageModeling, .accuracy]
    case .multipleChoice: [.languageModeling, .crossEntropy, .accuracy]
    case .generation: [.languageModeling, .f1]
    }
  }

  /// `wanted`, or what the papers train the task by. Throws `InputError` when it does not fit the task.
  public func objective(_ wanted: TaskObjective?) throws(InputError) -> TaskObjective {
    guard let wanted else { return objectives[0] }
    guard objectives.contains(wanted) else {
      throw InputError(
        "task \(name): objective", found: "'\(wanted.rawValue)'",
        expected: "\(objectives.map { "'\($0.rawValue)'" }.joined(separator: ", ")) for \(kind.displayName)")
    }
    return wanted
  }
}

extension TextTask.Kind {
  /// The kind as messages name it.
  var displayName: String {
    switch self {
    case .classification: "a classification"
    case .multipleChoice: "a multiple choice"
    case .generation: "a task with generated answers"
    }
  }
}
