import Zeroth
import ZerothModels

/// An encoder for a classification task. It scores the classes of an example, without demonstrations.
protocol EncoderTaskModel: TaskModel {
  func scored(_ examples: [Example]) -> any ScoredExamples
}

extension EncoderTaskModel {
  func accepts(_ objective: TaskObjective) -> Bool {
    if case .candidates = objective.source { true } else { false }
  }

  func encode(_ examples: [Example], demonstrations: [Example]) throws(InputError) -> any EncodedExamples {
    guard demonstrations.isEmpty else {
      throw error(
        "demonstrations", found: "\(demonstrations.count) for \(kind)",
        expected: "none, since only causal models learn in context")
    }
    return scored(examples)
  }

  func encode(_ examples: [Example], toMinimize objective: TaskObjective) throws(InputError) -> TrainingExamples {
    guard case .candidates(let make) = objective.source else { throw misfit(objective) }
    let scored = scored(examples)
    return TrainingExamples(cuts: scored.cuts, tokens: scored.tokenCounts) { make(scored, $0) }
  }
}

/// An encoder with a masked-LM head. It predicts the label word at the mask (LM-BFF, Gao et al. 2021; MeZO's RoBERTa
/// runs).
struct MaskedTaskModel: EncoderTaskModel {
  let task: TextTask
  let tokenizer: any Tokenizer
  private let model: EncoderModel
  private let encoder: MaskedPromptEncoder

  init(_ model: EncoderModel, _ tokenizer: any Tokenizer, _ task: TextTask) throws(InputError) {
    guard let mask = ["<mask>", "[MASK]"].lazy.compactMap(tokenizer.id(of:)).first else {
      throw InputError(
        "\(model.directory ?? "the model"): tokenizer", found: "no mask token", expected: "<mask> or [MASK]")
    }
    self.model = model
    self.tokenizer = tokenizer
    self.task = task
    encoder = try MaskedPromptEncoder(task: task, contextLength: model.context, mask: mask) {
      tokenizer.encode($0, addSpecialTokens: $1)
    }
  }

  var pretrained: any PretrainedModel { model }
  var kind: String { "a masked model" }
  var maximalLength: Int { encoder.maximalLength }

  func scored(_ examples: [Example]) -> any ScoredExamples {
    ScoredMasks(model, examples.map(encoder.encode), labelWords: encoder.labelWords)
  }

  /// Does nothing: the checkpoint has all blocks.
  func start(_ theta: inout ParameterStore, labelHead: LabelHeadStart?) throws(InputError) {
    try refuse(labelHead, because: kind)
  }
}

/// An encoder with a label head, applied to the mean of the last hidden states.
struct SentenceTaskModel: EncoderTaskModel {
  let task: TextTask
  let tokenizer: any Tokenizer
  private let model: EncoderModel
  private let encoder: SentenceEncoder
  /// Whether the label head was already trained: the checkpoint, or the adapter beside it, contains it.
  private let isStarted: Bool

  /// `base` with the label head that it has, or with a new one. It is then tuned as `tuning` says, because the head
  /// belongs to what is tuned.
  init(_ base: EncoderModel, _ tokenizer: any Tokenizer, _ task: TextTask, tuning: TuningSource?) throws {
    let hasHead = base.classes > 0
    if case .adapter(let adapter)? = tuning {
      isStarted = hasHead || adapter.hasLabelHead
    } else {
      isStarted = hasHead
    }
    guard !hasHead || base.classes == task.classes.count else {
      throw InputError(
        "\(base.directory ?? "the model") on task \(task.name)", found: "a label head of \(base.classes) classes",
        expected: "one of \(task.classes.count), or none")
    }
    model = hasHead ? base : try base.withLabelHead(classes: task.classes.count)
    if let tuning { try model.attach(tuning) }
    self.tokenizer = tokenizer
    self.task = task
    encoder = try SentenceEncoder(task: task, contextLength: model.context) {
      tokenizer.encode($0, addSpecialTokens: $1)
    }
  }

  var pretrained: any PretrainedModel { model }
  var kind: String { "an encoder with a label head" }
  var maximalLength: Int { encoder.maximalLength }

  func scored(_ examples: [Example]) -> any ScoredExamples { ScoredSentences(model, examples.map(encoder.encode)) }

  /// Sets the rows of a new label head to the embedded sentences of the labels, or to zeros.
  func start(_ theta: inout ParameterStore, labelHead: LabelHeadStart?) throws(InputError) {
    if isStarted { return try refuse(labelHead, because: "a checkpoint with its label head") }
    switch labelHead ?? .sentences {
    case .sentences: try model.startLabelHead(of: &theta, from: encoder.labelSentences)
    case .zero: break  // blocks that a checkpoint lacks are zero already
    }
  }
}
