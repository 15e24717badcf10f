import Zeroth

/// A split in the tokens that a causal model is measured on.
public enum EncodedSplit: Sendable {
  /// Examples whose candidates are scored.
  case candidates([EncodedExample])
  /// Questions whose answers are generated.
  case questions([EncodedQuestion])

  /// The number of examples.
  public var count: Int {
    switch self {
    case .candidates(let examples): examples.count
    case .questions(let questions): questions.count
    }
  }

  /// For each example, what had to go for its prompt to fit.
  public var cuts: [PromptCut] {
    switch self {
    case .candidates(let examples): examples.map(\.cut)
    case .questions(let questions): questions.map(\.cut)
    }
  }
}

extension PromptEncoder {
  /// `examples` as the task is measured, each after `demonstrations`: candidates, or questions where the answer is generated.
  public func split(_ examples: [Example], demonstrations: [Example] = []) throws(InputError) -> EncodedSplit {
    if task.kind == .generation {
      var questions: [EncodedQuestion] = []
      for example in examples { questions.append(try question(example, demonstrations: demonstrations)) }
      return .questions(questions)
    }
    var encoded: [EncodedExample] = []
    for example in examples { encoded.append(try encode(example, demonstrations: demonstrations)) }
    return .candidates(encoded)
  }
}
