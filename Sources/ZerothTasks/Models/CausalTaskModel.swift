import Zeroth
import ZerothModels

/// A causal model that is asked by prompts: candidates are scored after them, or answers generated.
struct CausalTaskModel: TaskModel {
  let task: TextTask
  let tokenizer: any Tokenizer
  private let model: CausalModel
  let chat: ChatTemplate?
  private let encoder: PromptEncoder

  init(
    _ model: CausalModel, _ tokenizer: any Tokenizer, _ task: TextTask, chat: ChatTemplate?
  ) throws(InputError) {
    self.model = model
    self.tokenizer = tokenizer
    self.task = task
    self.chat = chat
    encoder = try PromptEncoder(
      task: task, contextLength: model.context, chat: chat,
      encode: { tokenizer.encode($0, addSpecialTokens: $1) }, id: tokenizer.id(of:))
  }

  var pretrained: any PretrainedModel { model }
  var kind: String { "a causal model" }
  var maximalLength: Int { model.context }

  func encode(_ examples: [Example], demonstrations: [Example]) throws(InputError) -> any EncodedExamples {
    task.kind == .generation
      ? GeneratedAnswers(model, tokenizer, try questions(examples, demonstrations))
      : ScoredCandidates(model, try candidates(examples, demonstrations))
  }

  func encode(_ examples: [Example], toMinimize objective: TaskObjective) throws(InputError) -> TrainingExamples {
    switch objective.source {
    case .candidates(let make):
      let scored = ScoredCandidates(model, try candidates(examples))
      return TrainingExamples(cuts: scored.cuts, tokens: scored.tokenCounts) { make(scored, $0) }
    case .texts(let make):
      let encoded = try candidates(examples)
      let tokens = encoded.map { $0.prompt.count + $0.candidates[$0.label].count }
      return TrainingExamples(cuts: encoded.map(\.cut), tokens: tokens) { [model] in make(model, encoded, $0) }
    case .questions(let make):
      let questions = try questions(examples)
      return TrainingExamples(cuts: questions.map(\.cut), tokens: nil) { [model, tokenizer] in
        make(model, tokenizer, questions, $0)
      }
    }
  }

  /// The checkpoint has all blocks.
  func start(_ theta: inout ParameterStore, labelHead: LabelHeadStart?) throws(InputError) {
    try refuse(labelHead, because: kind)
  }

  private func candidates(
    _ examples: [Example], _ demonstrations: [Example] = []
  ) throws(InputError) -> [EncodedExample] {
    try examples.map { example throws(InputError) in try encoder.encode(example, demonstrations: demonstrations) }
  }

  private func questions(
    _ examples: [Example], _ demonstrations: [Example] = []
  ) throws(InputError) -> [EncodedQuestion] {
    try examples.map { example throws(InputError) in try encoder.question(example, demonstrations: demonstrations) }
  }
}
