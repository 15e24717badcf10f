import Zeroth
import ZerothModels

/// A causal model that is asked with prompts: candidates are scored after a prompt, or answers are generated.
struct CausalTaskModel: TaskModel {
  let task: TextTask
  let tokenizer: any Tokenizer
  private let model: CausalModel
  let chat: ChatTemplate?
  /// The encoders of prompts, of conversations and of plain texts. A task has those that it needs.
  private let prompts: PromptEncoder?
  private let conversations: ChatEncoder?
  private let texts: PlainTextEncoder?

  init(
    _ model: CausalModel, _ tokenizer: any Tokenizer, _ task: TextTask, chat: ChatTemplate?
  ) throws(InputError) {
    self.model = model
    self.tokenizer = tokenizer
    self.task = task
    self.chat = chat
    let encode: TextEncoder = { tokenizer.encode($0, addSpecialTokens: $1) }
    guard task.kind != .text || chat == nil else {
      throw InputError(
        "task \(task.name): chat", found: "true for plain texts, which are no messages", expected: "false")
    }
    let end = model.description.tokens.ends.prefix(1)
    conversations = try (task.kind == .chat ? chat : nil).map { template throws(InputError) in
      try ChatEncoder(
        template, contextLength: model.context, end: task.answerEnd, encode: encode, id: tokenizer.id(of:))
    }
    texts =
      task.kind == .text
      ? PlainTextEncoder(
        length: min(task.sequenceLength ?? model.context, model.context), end: Array(end), encode: encode) : nil
    guard task.kind != .chat, task.kind != .text else {
      prompts = nil
      return
    }
    prompts = try PromptEncoder(
      task: task, contextLength: model.context, end: chat.map { encode($0.answerEnd, false) } ?? Array(end), chat: chat,
      encode: encode, id: tokenizer.id(of:))
  }

  var notes: [String] {
    guard task.endsWithToken || task.kind == .text, chat == nil, model.description.tokens.ends.isEmpty else {
      return []
    }
    return ["the model names no token that ends a text: none stands behind the task's"]
  }

  var pretrained: any PretrainedModel { model }
  var kind: String { "a causal model" }
  var maximalLength: Int { model.context }

  func encode(_ examples: [Example], demonstrations: [Example]) throws(InputError) -> any EncodedExamples {
    if task.kind == .reward {
      return RewardedAnswers(try rewarded(examples, try questions(examples, demonstrations)), isScored: true)
    }
    guard task.metrics.contains(where: \.isOfTexts) else { return try ask(examples, demonstrations: demonstrations) }
    let asks = task.metrics.contains(where: \.isOfAnswers)
    return EncodedTexts(
      model, tokenizer, try known(examples, demonstrations),
      questions: asks ? try questions(examples, demonstrations) : nil)
  }

  func ask(_ examples: [Example], demonstrations: [Example]) throws(InputError) -> any EncodedExamples {
    switch task.kind {
    case .classification, .multipleChoice: ScoredCandidates(model, try candidates(examples, demonstrations))
    case .reward: RewardedAnswers(try rewarded(examples, try questions(examples, demonstrations)), isScored: false)
    case .generation, .chat, .text: GeneratedAnswers(model, tokenizer, try questions(examples, demonstrations))
    }
  }

  /// The known answers, conversations or texts whose loss is measured.
  private func known(_ examples: [Example], _ demonstrations: [Example]) throws(InputError) -> [EncodedText] {
    guard demonstrations.isEmpty || prompts != nil else {
      throw error("demonstrations", found: "\(demonstrations.count) for \(task.kind.displayName)", expected: "none")
    }
    return try examples.map { example throws(InputError) in
      if let conversations { return try conversations.encode(example) }
      if let texts { return texts.encode(example["text"]) { tokenizer.decode($0) } }
      guard let encoded = try candidates([example], demonstrations).first else { return EncodedText([], bytes: 0) }
      let answer = encoded.candidates[encoded.label]
      let bytes = encoded.cut.answer > 0 ? tokenizer.decode(answer) : task.candidates(of: example)[encoded.label]
      var text = EncodedText([.init(encoded)], bytes: bytes.utf8.count)
      text.cut = encoded.cut
      return text
    }
  }

  func encode(_ examples: [Example], toMinimize objective: TaskObjective) throws(InputError) -> TrainingExamples {
    switch objective.source {
    case .candidates(let make):
      let scored = ScoredCandidates(model, try candidates(examples))
      return TrainingExamples(cuts: scored.cuts, tokens: scored.tokenCounts) { make(scored, $0) }
    case .texts(let make):
      let (sequences, cuts) = try sequences(examples)
      return TrainingExamples(
        cuts: cuts, tokens: sequences.map(\.tokens.count), units: sequences.map(\.scoredCount)
      ) { [model] in make(model, sequences, $0) }
    case .questions(let make):
      let questions = try questions(examples)
      return TrainingExamples(cuts: questions.map(\.cut), tokens: nil) { [model, tokenizer] in
        make(model, tokenizer, questions, $0)
      }
    case .rewards(let make):
      let questions = try questions(examples)
      let rewarded = try rewarded(examples, questions)
      let notes = RewardNotes()
      return TrainingExamples(cuts: questions.map(\.cut), tokens: nil, rewards: notes) { make(rewarded, $0, notes) }
    }
  }

  private func rewarded(
    _ examples: [Example], _ questions: [EncodedQuestion]
  ) throws(InputError) -> RewardedQuestions {
    guard let reward = task.reward, let prompt = task.prompt else {
      throw error("reward", found: "none", expected: "what scores the answers")
    }
    return RewardedQuestions(
      model, tokenizer, reward, task.sampling, questions,
      about: examples.map { RewardedAnswer(prompt: prompt($0), answer: "", row: $0.row, gold: $0.answers) })
  }

  /// The sequences of the training set: one for each example, or for plain texts as many as the texts fill.
  private func sequences(
    _ examples: [Example]
  ) throws(InputError) -> (sequences: [LanguageModelingObjective.Sequence], cuts: [PromptCut]) {
    if let texts {
      let sequences = texts.packed(examples.map { $0["text"] })
      guard !sequences.isEmpty else {
        throw InputError("task \(task.name): train", found: "less than two tokens", expected: "a text to train on")
      }
      return (sequences, sequences.map { _ in PromptCut() })
    }
    if conversations != nil {
      let encoded = try known(examples, [])
      return (encoded.flatMap(\.sequences), encoded.map(\.cut))
    }
    let encoded = try candidates(examples)
    return (encoded.map { .init($0) }, encoded.map(\.cut))
  }

  /// Does nothing: the checkpoint has all blocks.
  func start(_ theta: inout ParameterStore, labelHead: LabelHeadStart?) throws(InputError) {
    try refuse(labelHead, because: kind)
  }

  private func candidates(
    _ examples: [Example], _ demonstrations: [Example] = []
  ) throws(InputError) -> [EncodedExample] {
    guard let prompts else { throw misfit(.crossEntropy) }
    return try examples.map { example throws(InputError) in
      try prompts.encode(example, demonstrations: demonstrations)
    }
  }

  private func questions(
    _ examples: [Example], _ demonstrations: [Example] = []
  ) throws(InputError) -> [EncodedQuestion] {
    if let conversations {
      guard demonstrations.isEmpty else {
        throw error("demonstrations", found: "\(demonstrations.count) for \(task.kind.displayName)", expected: "none")
      }
      return try examples.map { example throws(InputError) in try conversations.question(example) }
    }
    guard let prompts else {
      throw error("answers", found: "a task of plain texts", expected: "a task that asks something")
    }
    return try examples.map { example throws(InputError) in
      try prompts.question(example, demonstrations: demonstrations)
    }
  }
}
