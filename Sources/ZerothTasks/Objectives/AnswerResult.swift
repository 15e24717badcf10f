import Zeroth
import ZerothModels

/// What a model answers to a set of questions by greedy generation.
public struct AnswerResult: Sendable {
  /// The generated answers, without the line end that closes them.
  public let answers: [String]
  /// The score of each against its gold answers.
  public let scores: [AnswerScore]
  /// How many questions have no answer, as the model's logits are not finite; their answers are empty texts.
  public let unanswered: Int

  /// The mean F1, 0 to 1.
  public var f1: Double { mean(\.f1) }
  /// The share of answers that equal a gold answer.
  public var exactMatch: Double { mean { $0.exactMatch ? 1 : 0 } }

  private func mean(_ value: (AnswerScore) -> Double) -> Double {
    scores.reduce(0) { $0 + value($1) } / Double(max(1, scores.count))
  }
}

extension CausalModel {
  /// Answers `questions` at theta: the most likely tokens, at most ``TextTask/maximalAnswerLength``, up to a line end.
  public func answer(
    _ questions: [EncodedQuestion], at theta: borrowing ParameterStore, tokenizer: any Tokenizer
  ) throws(InputError) -> AnswerResult {
    var answers: [String] = []
    var unanswered = 0
    for question in questions {
      let tokens = try generateGreedily(question.prompt, count: TextTask.maximalAnswerLength, at: theta) { generated in
        tokenizer.decode(generated).unicodeScalars.contains("\n")
      }
      guard let tokens else {
        answers.append("")
        unanswered += 1
        continue
      }
      answers.append(String(tokenizer.decode(tokens).unicodeScalars.prefix { $0 != "\n" }).trimmed)
    }
    return AnswerResult(
      answers: answers, scores: zip(answers, questions).map { AnswerScore($0, gold: $1.answers) },
      unanswered: unanswered)
  }
}
