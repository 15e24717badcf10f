import Foundation
import Zeroth
import ZerothModels

/// The losses of known texts, and the answers that a model generates by itself.
public struct TextResult: Sendable {
  /// For each example, minus the sum of its scored tokens' log-probabilities, in nats; NaN where it is not finite.
  public let losses: [Double]
  /// The number of scored tokens of each example.
  public let tokens: [Int]
  /// The number of bytes of the text that these tokens spell.
  public let bytes: [Int]
  /// The generated answers; nil where no metric looks at them.
  public let answers: AnswerResult?

  /// The number of examples whose loss is not finite, or that have no answer.
  public var unanswered: Int { max(losses.count { !$0.isFinite }, answers?.unanswered ?? 0) }
  /// The mean loss of a token.
  public var meanLoss: Double { losses.reduce(0, +) / Double(max(1, tokens.reduce(0, +))) }
  /// exp of the mean loss.
  public var perplexity: Double { exp(meanLoss) }
  /// The loss in bits over the bytes of the texts.
  public var bitsPerByte: Double { losses.reduce(0, +) / log(2) / Double(max(1, bytes.reduce(0, +))) }

  func value(of metric: Metric) -> Double? {
    switch metric {
    case .perplexity: perplexity
    case .bitsPerByte: bitsPerByte
    case .answerF1: answers?.f1
    case .exactMatch: answers?.exactMatch
    case .accuracy, .f1, .macroF1, .reward: nil
    }
  }
}

/// Known texts as tokens for a causal model, some of which count in the loss; and questions, where the model has to
/// answer by itself too.
public struct EncodedTexts: EncodedExamples {
  private let model: CausalModel
  private let tokenizer: any Tokenizer
  private let texts: [EncodedText]
  private let questions: [EncodedQuestion]?

  /// The texts `texts` for `model`, each with its question where `questions` is given. `tokenizer` decodes the answers.
  public init(
    _ model: CausalModel, _ tokenizer: any Tokenizer, _ texts: [EncodedText], questions: [EncodedQuestion]? = nil
  ) {
    self.model = model
    self.tokenizer = tokenizer
    self.texts = texts
    self.questions = questions
  }

  /// What was left out of each text so that it fits.
  public var cuts: [PromptCut] { texts.map(\.cut) }
  /// The texts in `range`.
  public func part(_ range: Range<Int>) -> (any EncodedExamples)? {
    Self(model, tokenizer, Array(texts[range]), questions: questions.map { Array($0[range]) })
  }

  /// The losses, and the answers where there are questions. Texts are computed together up to 1024 tokens; a longer one
  /// is computed alone.
  public func answers(at theta: borrowing ParameterStore) throws(InputError) -> TaskResult.Answers {
    var losses = [Double](repeating: 0, count: texts.count)
    let sequences = texts.indices.flatMap { text in texts[text].sequences.map { (text, $0) } }
    var next = 0
    while next < sequences.count {
      var batch = TokenBatch()
      var rows: [Int] = []
      var targets: [Int] = []
      let first = next
      while next < sequences.count, next == first || batch.tokens.count + sequences[next].1.tokens.count <= 1024 {
        batch.append(sequences[next].1, rows: &rows, targets: &targets)
        next += 1
      }
      let logs = try model.evaluate(batch, .logProbabilities(rows: rows, targets: targets), at: theta)[0]
      var place = 0
      for (text, sequence) in sequences[first..<next] {
        losses[text] -= logs[place..<(place + sequence.scoredCount)].reduce(0, +)
        place += sequence.scoredCount
      }
    }
    var answers: AnswerResult?
    if let questions { answers = try model.answer(questions, at: theta, tokenizer: tokenizer) }
    return .texts(
      TextResult(
        losses: losses.map { $0.isFinite ? $0 : .nan }, tokens: texts.map(\.scoredCount), bytes: texts.map(\.bytes),
        answers: answers))
  }
}

/// A known text as tokens: one sequence, or several where the text is longer than a sequence may be.
public struct EncodedText: Sendable, Hashable {
  /// The sequences. The last token of one may be repeated as the first of the next, so that every token but the first
  /// of all is scored once.
  public var sequences: [LanguageModelingObjective.Sequence]
  /// The number of bytes of the text that the scored tokens spell.
  public var bytes: Int
  /// What was left out so that it fits.
  public var cut = PromptCut()

  /// `sequences`, whose scored tokens spell `bytes` bytes.
  public init(_ sequences: [LanguageModelingObjective.Sequence], bytes: Int) {
    self.sequences = sequences
    self.bytes = bytes
  }

  /// The number of tokens that count.
  public var scoredCount: Int { sequences.reduce(0) { $0 + $1.scoredCount } }
}
