import Zeroth
import ZerothModels

/// A causal model that is asked by prompts: candidates are scored after them, or answers generated.
struct CausalTaskModel: TaskModel {
  let task: TextTask
  let tokenizer: any Tokenizer
  private let model: CausalModel
  private let encoder: PromptEncoder

  init(_ model: CausalModel, _ tokenizer: any Tokenizer, _ task: TextTask) throws(InputError) {
    self.model = model
    self.tokenizer = tokenizer
    self.task = task
    encoder = try PromptEncoder(task: task, contextLength: model.context) { tokenizer.encode($0, addSpecialTokens: $1) }
  }

  var pretrained: any PretrainedModel { model }
  var kind: String { "a causal model" }
  var objectives: [TaskObjective] { task.objectives }
  var maximalLength: Int { model.context }

  func encode(_ examples: [Example], demonstrations: [Example]) throws(InputError) -> any EncodedExamples {
    task.kind == .generation
      ? GeneratedAnswers(model, tokenizer, try questions(examples, demonstrations))
      : ScoredCandidates(model, try candidates(examples, demonstrations))
  }

  func makeObjective(
    _ objective: TaskObjective, on examples: [Example], _ sampler: BatchSampler
  ) throws(InputError) -> any Objective {
    switch objective {
    case .crossEntropy: ClassificationObjective(ScoredCandidates(model, try candidates(examples)), sampler)
    case .accuracy: AccuracyObjective(ScoredCandidates(model, try candidates(examples)), sampler)
    case .languageModeling:
      LanguageModelingObjective(model, try candidates(examples).map { .init($0) }, sampler)
    case .f1: F1Objective(model, tokenizer, try questions(examples), sampler)
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
