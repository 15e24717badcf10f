import Zeroth
import ZerothModels

/// The answers of a model to a set of questions, by greedy generation.
public struct AnswerResult: Sendable {
  /// The generated answers, without the text or token that ended them.
  public let answers: [String]
  /// The score of each answer against its gold answers.
  public let scores: [AnswerScore]
  /// The number of questions without an answer, because the model's logits are not finite. Their answers are empty
  /// texts.
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
  /// Answers `questions` at theta with the most likely tokens, up to ``EncodedQuestion/end`` or a token that ends a
  /// text. The answers to all questions end in the same way. Many questions are answered at a time.
  public func answer(
    _ questions: [EncodedQuestion], at theta: borrowing ParameterStore, tokenizer: any Tokenizer
  ) throws(InputError) -> AnswerResult {
    let end = questions.first?.end ?? AnswerEnd()
    let ends = endTokens.union(end.tokens)
    let generated = try generateGreedily(questions.map(\.prompt), count: end.length, at: theta) { generated in
      generated.last.map(ends.contains) ?? false || end.cut(tokenizer.decode(generated)) != nil
    }
    var answers: [String] = []
    var unanswered = 0
    for tokens in generated {
      guard let tokens = tokens?.prefix(while: { !ends.contains($0) }) else {
        answers.append("")
        unanswered += 1
        continue
      }
      let text = tokenizer.decode(Array(tokens))
      answers.append((end.cut(text) ?? text).trimmed)
    }
    return AnswerResult(
      answers: answers, scores: zip(answers, questions).map { AnswerScore($0, gold: $1.answers) },
      unanswered: unanswered)
  }
}
