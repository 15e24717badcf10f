import Zeroth
import ZerothModels

/// Questions that a causal model answers by greedy generation.
public struct GeneratedAnswers: EncodedExamples {
  private let model: CausalModel
  private let tokenizer: any Tokenizer
  private let questions: [EncodedQuestion]

  /// `questions` for `model`; `tokenizer` spells the answers.
  public init(_ model: CausalModel, _ tokenizer: any Tokenizer, _ questions: [EncodedQuestion]) {
    self.model = model
    self.tokenizer = tokenizer
    self.questions = questions
  }

  /// What had to go for each prompt to fit.
  public var cuts: [PromptCut] { questions.map(\.cut) }
  /// Those in `range`.
  public func part(_ range: Range<Int>) -> (any EncodedExamples)? { Self(model, tokenizer, Array(questions[range])) }

  /// The generated texts.
  public func answers(at theta: borrowing ParameterStore) throws(InputError) -> TaskResult.Answers {
    .generated(try model.answer(questions, at: theta, tokenizer: tokenizer))
  }
}
