import Zeroth
import ZerothModels

/// Questions that a causal model answers by greedy generation.
public struct GeneratedAnswers: EncodedExamples {
  private let model: CausalModel
  private let tokenizer: any Tokenizer
  private let questions: [EncodedQuestion]

  /// The questions `questions` for `model`. `tokenizer` decodes the answers.
  public init(_ model: CausalModel, _ tokenizer: any Tokenizer, _ questions: [EncodedQuestion]) {
    self.model = model
    self.tokenizer = tokenizer
    self.questions = questions
  }

  /// What was left out of each prompt so that it fits.
  public var cuts: [PromptCut] { questions.map(\.cut) }
  /// The questions in `range`.
  public func part(_ range: Range<Int>) -> (any EncodedExamples)? { Self(model, tokenizer, Array(questions[range])) }

  /// The generated texts.
  public func answers(at theta: borrowing ParameterStore) throws(InputError) -> TaskResult.Answers {
    .generated(try model.answer(questions, at: theta, tokenizer: tokenizer))
  }
}
