import Zeroth
import ZerothModels
import ZerothSupport

/// A pretrained model with the way it is asked about a task: a causal model by prompts and candidates, a masked model by
/// label words at its mask, another encoder by its classifier or a label head over sentences (`loadTaskModel` chooses).
public protocol TaskModel {
  /// The task.
  var task: TextTask { get }
  /// The model.
  var pretrained: any PretrainedModel { get }
  /// Its tokenizer.
  var tokenizer: any Tokenizer { get }
  /// What kind of model it is here, for messages: `a masked model`.
  var kind: String { get }
  /// Whether the model can be trained by an objective that fits the task.
  func accepts(_ objective: TaskObjective) -> Bool
  /// The most tokens that go through the model for an example.
  var maximalLength: Int { get }
  /// What a user should know about how model and task were put together, in words.
  var notes: [String] { get }
  /// What stands around each prompt, where the model is asked as an assistant.
  var chat: ChatTemplate? { get }

  /// `examples` as the model is asked them, each after `demonstrations`.
  ///
  /// Throws `InputError` naming the file and line of an example that cannot be asked, and for demonstrations that the model
  /// has no place for.
  func encode(_ examples: [Example], demonstrations: [Example]) throws(InputError) -> any EncodedExamples

  /// `examples` as the model answers them by itself, each after `demonstrations`: no known answer is looked at.
  ///
  /// Throws as `encode` does, and where the task asks nothing.
  func ask(_ examples: [Example], demonstrations: [Example]) throws(InputError) -> any EncodedExamples

  /// `examples` as the model is trained on them, to minimise `objective`, one that it accepts.
  ///
  /// Throws `InputError` naming the file and line of an example that cannot be asked.
  func encode(_ examples: [Example], toMinimize objective: TaskObjective) throws(InputError) -> TrainingExamples

  /// Fills the blocks of theta that a checkpoint lacks and the task gives.
  ///
  /// Throws `InputError` where `labelHead` asks for a head that the model has not, or that its checkpoint gives.
  func start(_ theta: inout ParameterStore, labelHead: LabelHeadStart?) throws(InputError)
}

/// What a new label head starts from.
public enum LabelHeadStart: String, Sendable, CaseIterable {
  /// The embedded label sentences of the task: there is a zero-shot answer to start from.
  case sentences
  /// Zeros: all classes are equally likely at first.
  case zero
}

extension TaskModel {
  var notes: [String] { [] }
  /// All of them.
  public func accepts(_ objective: TaskObjective) -> Bool { true }
  /// As they are asked otherwise: candidates know no answer.
  public func ask(_ examples: [Example], demonstrations: [Example]) throws(InputError) -> any EncodedExamples {
    try encode(examples, demonstrations: demonstrations)
  }
  /// None: only causal models are asked so.
  public var chat: ChatTemplate? { nil }

  /// The weights that a run on the task starts from; only the blocks of `selection` are trainable.
  ///
  /// Throws `InputError` when the model has no checkpoint, the selection no block, or the model no new label head for
  /// `labelHead` to start.
  public func loadParameters(
    training selection: BlockSelection = .all, storage: WeightStorage = .float32, deltaRank: DeltaRank = .automatic,
    labelHead: LabelHeadStart? = nil
  ) throws -> ParameterStore {
    var theta = try pretrained.loadParameters(training: selection, storage: storage, deltaRank: deltaRank)
    try start(&theta, labelHead: labelHead)
    return theta
  }

  /// The weights for evaluations alone, of which no block is trainable.
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

  /// `wanted`, or the objective that the papers train the task by. Throws `InputError` when it does not fit model and task.
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

/// Reads the model in `directory` and chooses how it is asked about `task`.
///
/// - A causal model is asked by the task's prompt.
/// - An encoder with a masked-LM head (RoBERTa, BERT) is asked by the task's masked prompt.
/// - An encoder with its own sequence classifier is asked about the texts as they are.
/// - An encoder without one gets a label head, which starts from the task's embedded label sentences. So is one asked that
///   was tuned and saved with its label head, whatever other head it has.
///
/// - Parameters:
///   - directory: the model's folder, or its GGUF file.
///   - task: what it is asked about.
///   - chat: whether a causal model is asked as an assistant, by the checkpoint's ``ChatTemplate``.
///   - tuning: what stands beside the model's weights.
///   - families: the families of models that are known.
/// - Throws: `InputError`, naming model and task, where the task has nothing that such a model could be asked; and for
///   folders that cannot be read.
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

/// The tokenizer in `directory`, which is used with `model`.
///
/// Throws `InputError` where it cannot be read, and where it has a token that the model has no row for: such a text could not
/// be asked, and only the first that holds the token would say so.
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
  /// The kinds of model that can be asked about the task.
  fileprivate var needs: [String] {
    [
      prompt.map { _ in "a causal model" }, masked.map { _ in "a masked model" },
      labelSentence.map { _ in "an encoder for a label head" },
    ].compactMap(\.self)
  }
}
