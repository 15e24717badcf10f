import Zeroth
import ZerothModels
import ZerothSupport

/// A pretrained model, together with the way in which it is asked about a task. A causal model is given prompts and
/// candidates, a masked model predicts label words at a mask, and another encoder uses its classifier or a label head
/// (`loadTaskModel` chooses).
public protocol TaskModel {
  /// The task.
  var task: TextTask { get }
  /// The model.
  var pretrained: any PretrainedModel { get }
  /// The tokenizer of the model.
  var tokenizer: any Tokenizer { get }
  /// The kind of the model in this use, for messages: `a masked model`.
  var kind: String { get }
  /// Whether the model can be trained by an objective that fits the task.
  func accepts(_ objective: TaskObjective) -> Bool
  /// The most tokens that the model is given for an example.
  var maximalLength: Int { get }
  /// Sentences that tell a user how the model was fitted to the task.
  var notes: [String] { get }
  /// The chat template around each prompt, where the model is asked as an assistant; nil elsewhere.
  var chat: ChatTemplate? { get }

  /// `examples` in the form in which the model is asked, each after `demonstrations`.
  ///
  /// Throws an `InputError` that names the file and line of an example that cannot be asked, and one for demonstrations
  /// where the model cannot use them.
  func encode(_ examples: [Example], demonstrations: [Example]) throws(InputError) -> any EncodedExamples

  /// `examples` as questions that the model answers without any known answer, each after `demonstrations`.
  ///
  /// Throws the same errors as `encode`, and one where the task has no question.
  func ask(_ examples: [Example], demonstrations: [Example]) throws(InputError) -> any EncodedExamples

  /// `examples` in the form in which the model is trained on them to minimise `objective`, which it has to accept.
  ///
  /// Throws an `InputError` that names the file and line of an example that cannot be asked.
  func encode(_ examples: [Example], toMinimize objective: TaskObjective) throws(InputError) -> TrainingExamples

  /// Fills the blocks of theta that the checkpoint lacks and that the task provides.
  ///
  /// Throws `InputError` where `labelHead` asks for a head that the model does not have, or that its checkpoint already
  /// has.
  func start(_ theta: inout ParameterStore, labelHead: LabelHeadStart?) throws(InputError)
}

/// The start values of a new label head.
public enum LabelHeadStart: String, Sendable, CaseIterable {
  /// The embedded label sentences of the task. The model then has a zero-shot answer.
  case sentences
  /// Zeros. All classes are then equally likely at first.
  case zero
}

extension TaskModel {
  var notes: [String] { [] }
  /// True: every objective is accepted.
  public func accepts(_ objective: TaskObjective) -> Bool { true }
  /// The same as `encode`: the scores of candidates do not use the known answer.
  public func ask(_ examples: [Example], demonstrations: [Example]) throws(InputError) -> any EncodedExamples {
    try encode(examples, demonstrations: demonstrations)
  }
  /// Nil: only causal models are asked with a chat template.
  public var chat: ChatTemplate? { nil }

  /// The weights with which a run on the task starts. Only the blocks of `selection` are trainable.
  ///
  /// Throws `InputError` when the model has no checkpoint, when the selection has no block, and when `labelHead` is
  /// given but the model has no new label head.
  public func loadParameters(
    training selection: BlockSelection = .all, storage: WeightStorage = .float32, deltaRank: DeltaRank = .automatic,
    labelHead: LabelHeadStart? = nil
  ) throws -> ParameterStore {
    var theta = try pretrained.loadParameters(training: selection, storage: storage, deltaRank: deltaRank)
    try start(&theta, labelHead: labelHead)
    return theta
  }

  /// The weights for evaluation only, without a trainable block.
  ///
  /// Throws `InputError` when the model has no checkpoint.
  public func loadFrozenParameters() throws -> ParameterStore {
    var theta = try pretrained.loadFrozenParameters()
    try start(&theta, labelHead: nil)
    return theta
  }

  func refuse(_ labelHead: LabelHeadStart?, because found: String) throws(InputError) {
    if let labelHead {
      throw error(
        "label-head", found: "'\(labelHead.rawValue)' for \(found)", expected: "an encoder that gets a new label head")
    }
  }

  /// `wanted`, or by default the objective with which the papers train the task. Throws `InputError` when it does not
  /// fit the model and the task.
  public func objective(_ wanted: TaskObjective?) throws(InputError) -> TaskObjective {
    let objective = try task.objective(wanted)
    guard accepts(objective) else { throw misfit(objective) }
    return objective
  }

  func misfit(_ objective: TaskObjective) -> InputError {
    error(
      "objective", found: "'\(objective.name)'",
      expected: "\(task.objectives.filter(accepts).map { "'\($0.name)'" }.joined(separator: ", ")) for \(kind)")
  }

  /// An error about this model on this task: `models/roberta on task copa: objective`.
  func error(_ subject: String, found: String, expected: String) -> InputError {
    InputError(
      "\(pretrained.directory ?? "the model") on task \(task.name): \(subject)", found: found, expected: expected)
  }
}

/// Reads the model in `directory`, and chooses how it is asked about `task`.
///
/// - A causal model is given the task's prompt.
/// - An encoder with a masked-LM head (RoBERTa, BERT) is given the task's masked prompt.
/// - An encoder with its own sequence classifier is given the texts without a prompt.
/// - An encoder without any of these gets a label head, which starts from the task's embedded label sentences. A model
///   that was tuned and saved with its label head uses that, whatever other head it has.
///
/// - Parameters:
///   - directory: the model's folder, or its GGUF file.
///   - task: the task that it is asked about.
///   - chat: whether a causal model is asked as an assistant, with the checkpoint's ``ChatTemplate``.
///   - tuning: the tuning that is added to the model.
///   - families: the families of models that can be read.
/// - Throws: an `InputError` that names the model and the task where the task has no form for this kind of model, and
///   one for a folder that cannot be read.
public func loadTaskModel(
  directory: String, task: TextTask, chat: Bool = false, tuning: TuningSource? = nil,
  families: ModelFamilies = .standard
) throws -> any TaskModel {
  func misfit(_ model: String, lacks: String) -> InputError {
    InputError(
      "\(directory) on task \(task.name)", found: "\(model), and \(lacks) in the task",
      expected: task.needs.joined(separator: ", or "))
  }
  let model = try loadModel(directory: directory, families: families)
  if let model = model as? CausalModel {
    guard task.prompt != nil else { throw misfit("a causal model", lacks: "no prompt for one") }
    if let tuning { try model.attach(tuning) }
    return try CausalTaskModel(
      model, loadTokenizer(directory: directory, for: model), task,
      chat: chat || task.kind == .chat ? loadChatTemplate(directory: directory) : nil)
  }
  guard !chat else {
    throw InputError(
      "\(directory) on task \(task.name): chat", found: "true for a model that is not causal", expected: "false")
  }
  guard let model = model as? EncoderModel else {
    throw misfit("a model of an unknown kind", lacks: "no prompt for one")
  }
  if model.hasMaskedHead, model.classes == 0 {
    guard task.masked != nil else { throw misfit("a masked model", lacks: "no masked prompt") }
    if let tuning { try model.attach(tuning) }
    return try MaskedTaskModel(model, loadTokenizer(directory: directory, for: model), task)
  }
  if model.classifierLabels != nil, model.classes == 0 {
    if let tuning { try model.attach(tuning) }
    return try ClassifierTaskModel(model, loadTokenizer(directory: directory, for: model), task)
  }
  guard task.labelSentence != nil else {
    throw misfit("an encoder without a masked-LM head", lacks: "no label sentences")
  }
  return try SentenceTaskModel(model, loadTokenizer(directory: directory, for: model), task, tuning: tuning)
}

/// The tokenizer in `directory`, for use with `model`.
///
/// Throws `InputError` where it cannot be read, and where it has a token for which the model has no row. Without this
/// check, only the first text that contains such a token would show the problem.
public func loadTokenizer(
  directory: String, for model: any PretrainedModel
) throws(InputError) -> any Tokenizer {
  let tokenizer = try loadTokenizer(directory: directory)
  for id in model.vocabulary..<max(model.vocabulary, tokenizer.vocabularySize) {
    guard let token = tokenizer.token(of: id) else { continue }
    throw InputError(
      "\(directory): tokenizer", found: "the token '\(token.excerpt)' with id \(id)",
      expected:
        "ids below \(model.vocabulary), the rows of the model's embedding: take the token out, or give the model a row")
  }
  return tokenizer
}

extension TextTask {
  /// The kinds of models that can be asked about the task.
  fileprivate var needs: [String] {
    [
      prompt.map { _ in "a causal model" }, masked.map { _ in "a masked model" },
      labelSentence.map { _ in "an encoder for a label head" },
    ].compactMap(\.self)
  }
}
