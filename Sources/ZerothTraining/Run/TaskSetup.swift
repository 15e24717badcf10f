import Foundation
import Zeroth
import ZerothModels
import ZerothRecords
import ZerothResources
import ZerothSupport
import ZerothTasks

/// A model that is fitted to a task, with the examples on which it is trained and measured.
///
/// Each set of examples is converted to tokens once, when it is first needed.
public final class TaskSetup {
  /// A set of examples.
  public enum Split: String, Sendable, CaseIterable {
    /// The training set.
    case train
    /// The dev set, by which checkpoints are chosen.
    case dev
    /// The test set, which is measured at the end and never used for a choice.
    case test
  }

  /// Which examples of the data are used.
  public enum Scope: Sendable, Hashable {
    /// Train, dev and test, drawn by the seed.
    case splits
    /// All examples of one file, as the test set.
    case file
    /// All examples of one file without their labels, for which the model is asked.
    case questions
  }

  /// The model, with the way in which it is asked about the task.
  public let model: any TaskModel
  /// The objective of training.
  public let objective: TaskObjective
  /// The examples as texts.
  public let splits: Splits
  /// The tuning of the model in a configuration; nil where the setup was made without one.
  private(set) var tuning: TuningChoice?
  private let scope: Scope
  private let demonstrations: [Example]
  private var encoded: [Split: any EncodedExamples] = [:]
  private var encodedTraining: TrainingExamples?
  private var askedSamples: (any EncodedExamples)?

  /// The task.
  public var task: TextTask { model.task }

  /// Reads the model in `modelPath` (or the embedded model, by its name) and the examples at `data` (or the task's
  /// own). Draws train, dev and test with `seed`.
  ///
  /// - Parameters:
  ///   - modelPath: the folder or file of the model, or the name of the embedded model.
  ///   - task: the task.
  ///   - objective: the objective of training; by default the one with which the papers train the task.
  ///   - data: a file or folder of examples.
  ///   - testData: a file or folder whose test examples replace those at `data`.
  ///   - size: the sizes of train and dev; the task's own by default.
  ///   - testCount: the most test examples; the task's own number by default.
  ///   - seed: the seed with which the sets are drawn.
  ///   - count: the number of training examples in front of each prompt of dev and test, drawn with the seed.
  ///   - chat: whether the model is asked as an assistant, with the chat template of its checkpoint.
  ///   - tuning: the tuning that is added to the model; none by default.
  ///   - scope: whether sets are drawn, or all examples of a file are used.
  ///   - families: the families of models that can be read.
  /// - Throws: `InputError` for anything that cannot be used.
  public init(
    modelPath: String, task: TextTask, objective: TaskObjective? = nil, data: String? = nil, testData: String? = nil,
    size: SplitSize? = nil, testCount: Int? = nil, seed: UInt64, demonstrations count: Int = 0,
    chat: Bool = false, tuning: TuningSource? = nil, scope: Scope = .splits, families: ModelFamilies = .standard
  ) throws {
    self.scope = scope
    guard !task.metrics.isEmpty, task.metrics.allSatisfy(task.kind.metrics.contains) else {
      throw InputError(
        "task \(task.name): metrics", found: task.metrics.map(\.rawValue).joined(separator: ", "),
        expected: "some of \(task.kind.metrics.map(\.rawValue).joined(separator: ", "))")
    }
    model = try loadTaskModel(
      directory: Embedded.modelDirectory(modelPath), task: task, chat: chat, tuning: tuning, families: families)
    self.objective = try model.objective(objective)
    let place = try data ?? Embedded.data(of: task.name)
    switch scope {
    case .splits:
      splits = try task.load(place, testData: testData).split(size, test: testCount, seed: seed)
    case .file, .questions:
      let found = try scope == .questions ? task.rows(at: place, isAsked: true) : task.labelled(at: place)
      splits = Splits(all: found, of: place)
    }
    guard count >= 0, count <= splits.train.count else {
      throw InputError(
        "demonstrations", found: "\(count)", expected: "0 to \(splits.train.count), the training examples there are")
    }
    demonstrations = Array(splits.train.prefix(count))
    if count > 0 { _ = try encodedExamples(of: .test) }  // a model that cannot use demonstrations throws here
  }

  /// The model, tokenizer and examples of `configuration`.
  public convenience init(_ configuration: RunConfiguration) throws {
    try self.init(
      modelPath: configuration.modelPath, task: configuration.task, objective: configuration.objective,
      data: configuration.data, testData: configuration.testData, size: configuration.sample,
      testCount: configuration.testCount ?? .max, seed: UInt64(configuration.splitSeed), chat: configuration.chat,
      tuning: configuration.tuning.source(configuration.runKey), families: configuration.families)
    tuning = configuration.tuning
    model.pretrained.activationMemory = configuration.activationMemory
    model.pretrained.recomputesActivations = configuration.recomputesActivations
  }

  /// Throws `InputError` where a part of `optimizer` needs derivatives and `base`, the objective of training, has none.
  func requireDerivatives(of base: some Objective, for optimizer: some OptimizerProtocol) throws(InputError) {
    guard optimizer.needsDerivatives, !base.hasDerivatives else { return }
    throw InputError(
      "objective '\(objective.name)'", found: "no gradient, which the optimizer needs",
      expected:
        "one with a gradient, such as cross-entropy or language-modeling; or an optimizer that measures losses alone")
  }

  /// Throws `InputError` where a run asks for diagnoses, and its estimates cannot be compared with gradients.
  func requireDiagnosable(
    _ base: some Objective, _ configuration: RunConfiguration, grain: LossGrain
  ) throws(InputError) {
    guard let every = configuration.diagnoseEvery, grain != .batch || !base.hasDerivatives else { return }
    throw InputError(
      "[run] diagnose-every",
      found: grain != .batch
        ? "\(every) with an estimator that measures the loss of each example"
        : "\(every) with objective '\(objective.name)', which has no gradient",
      expected: "none: estimates are compared with the gradient of a mini-batch")
  }

  /// Hashes of what training depends on besides the options, as it was read: the model's configuration, also that of
  /// generation; the tokenizer's files; the way in which the model is asked (label words, the prompts of the example that `explain` shows, the
  /// texts of the chat template around them); and the examples of each set. The paths of the files have no effect.
  ///
  /// Throws `InputError` for a file of the model that can no longer be read.
  func inputHashes() throws(InputError) -> [String: String] {
    var hashes: [String: String] = [:]
    if let path = model.pretrained.directory, GGUFTokenizer.isIn(path) {
      hashes["configuration"] = Self.hash([model.pretrained.folder.file.text])
      hashes["tokenizer"] = Self.hash(try GGUFTokenizer.files(of: path).map(\.json.description))
    } else if let directory = model.pretrained.directory {
      hashes["configuration"] = try Self.hash(files: [directory.appendingFile(ConfigurationFile.name)])
      hashes["tokenizer"] = try Self.hash(files: tokenizerFiles(in: directory).map(directory.appendingFile))
      let generation = directory.appendingFile(ConfigurationFile.generationName)
      hashes["generation"] =
        try Self.hash(files: FileManager.default.fileExists(atPath: generation) ? [generation] : [])
    }
    hashes["task"] = Self.hash(
      task.asking + ((task.kind == .chat ? model.chat?.contentOfTurns : model.chat?.content) ?? []))
    for split in Split.allCases { hashes[split.rawValue] = Self.hash(examples(split).flatMap(\.content)) }
    return hashes
  }

  private static func hash(files: [String]) throws(InputError) -> String {
    var hash: UInt64 = 0
    for path in files {
      guard let data = FileManager.default.contents(atPath: path) else {
        throw InputError(path, found: "no file that can be read", expected: "the file that the run has read")
      }
      hash = data.withUnsafeBytes { ContentHash.xxh64($0, seed: hash) }
    }
    return ContentHash.hex(hash)
  }

  /// The hash of a list of texts. It differs for the same characters that are divided into other texts.
  private static func hash(_ texts: [String]) -> String {
    ContentHash.hex(
      texts.reduce(UInt64(texts.count)) { hash, text in
        var text = text
        return text.withUTF8 { ContentHash.xxh64(UnsafeRawBufferPointer($0), seed: hash) }
      })
  }

  /// The examples of `split` as texts.
  public func examples(_ split: Split) -> [Example] {
    switch split {
    case .train: splits.train
    case .dev: splits.dev
    case .test: splits.test
    }
  }

  /// The training examples in the form in which the model is trained on them. Throws an `InputError` that names an
  /// example that cannot be asked.
  public func training() throws(InputError) -> TrainingExamples {
    if let encodedTraining { return encodedTraining }
    let training = try model.encode(splits.train, toMinimize: objective)
    encodedTraining = training
    return training
  }

  /// The answers of the model on `split` at theta. Throws an `InputError` that names an example that cannot be asked.
  public func evaluate(_ split: Split, at theta: borrowing ParameterStore) throws(InputError) -> TaskResult {
    TaskResult(task, try encodedExamples(of: split).answers(at: theta))
  }

  /// The seconds that the answers on `split` take at theta, estimated from the first 16 examples.
  func secondsOfAnswers(_ split: Split, at theta: borrowing ParameterStore) throws(InputError) -> Double {
    let all = examples(split)
    guard !all.isEmpty else { return 0 }
    let some = Array(all.prefix(16))
    let encoded = try model.encode(some, demonstrations: split == .train ? [] : demonstrations)
    let start = ContinuousClock.now
    _ = try encoded.answers(at: theta)
    return (ContinuousClock.now - start) / .seconds(1) * Double(all.count) / Double(some.count)
  }

  /// Converts the training, dev and test examples to tokens.
  ///
  /// It is called before a run writes anything. Throws an `InputError` that names an example that cannot be asked.
  func prepareForTraining() throws(InputError) {
    _ = try training()
    for split in [Split.dev, .test] { _ = try encodedExamples(of: split) }
  }

  /// The examples of `split` in the form in which the model is asked.
  func encodedExamples(of split: Split) throws(InputError) -> any EncodedExamples {
    if let known = encoded[split] { return known }
    let before = split == .train ? [] : demonstrations
    let fresh =
      try scope == .questions
      ? model.ask(examples(split), demonstrations: before) : model.encode(examples(split), demonstrations: before)
    encoded[split] = fresh
    return fresh
  }

  /// The answers of the model at theta to the first `count` examples of dev, with the right answers.
  func samples(_ count: Int, at theta: borrowing ParameterStore) throws(InputError) -> [MetricsRow.Samples.Sample] {
    let some = Array(splits.dev.prefix(count))
    if askedSamples == nil { askedSamples = try model.ask(some, demonstrations: []) }
    guard let found = try askedSamples?.answers(at: theta) else { return [] }
    let answers = TaskResult(task, found).answerTexts(some)
    return zip(some, answers).map { example, answer in
      .init(prompt: task.question(example), answer: answer, expected: task.expected(example))
    }
  }

  /// The note that is shown before the program in the task's file is started; nil where the file names none.
  public var program: String? { task.programNote }

  /// Sentences about how the model was read, where the examples come from, and what was left out of the prompts so far.
  public var notes: [String] {
    let made = Split.allCases.compactMap { split -> (Split, [PromptCut])? in
      let training = split == .train ? encodedTraining?.cuts : nil
      return (training ?? encoded[split]?.cuts).map { (split, $0) }
    }
    // Answers to questions alone are not scored, so no program is started.
    let program = scope == .questions ? nil : self.program
    let chat = model.chat.map { "chat: prompts are the user's messages in the format of \($0.family.rawValue)" }
    return model.pretrained.folder.notes + model.notes + [chat, program].compactMap(\.self) + splits.notes
      + made.flatMap { cutNotes($0, $1) }
  }

  /// What was left out of the prompts of `split`, in words; nothing where all of them fit.
  private func cutNotes(_ split: Split, _ cuts: [PromptCut]) -> [String] {
    var notes: [String] = []
    let cut = zip(examples(split), cuts).filter { $0.1.tokens > 0 }
    if let first = cut.first {
      notes.append(
        "\(split): \(cut.count) of \(cuts.count) prompts have lost their beginning, to fit into \(model.maximalLength) tokens, the first of them "
          + "\(first.0.source)")
    }
    func note(_ count: Int, _ words: String) {
      if count > 0 { notes.append("\(split): \(count) of \(cuts.count) \(words)") }
    }
    note(cuts.count { $0.exchanges > 0 }, "conversations have lost their oldest exchanges, to fit into the context")
    note(cuts.count { $0.answer > 0 }, "answers have lost their end, as they alone are longer than the context")
    let fewer = cuts.count { $0.demonstrations > 0 }
    if fewer > 0 { notes.append("\(split): \(fewer) of \(cuts.count) prompts have no room for all demonstrations") }
    return notes
  }
}

extension Example {
  /// The content of an example as texts: fields by name, choices, answers and the label. Each list follows its length.
  fileprivate var content: [String] {
    ["\(fields.count)"] + fields.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
      + ["\(choices.count)"] + choices + ["\(answers.count)"] + answers + ["\(label)"]
      + messages.flatMap { [$0.role.rawValue, $0.content] } + (row == .null ? [] : ["\(row)"])
  }
}

extension TextTask {
  /// The way in which a model is asked, as texts: the classes, and the prompts for the shown example.
  fileprivate var asking: [String] {
    var texts = classes.flatMap { [$0.word] + $0.names } + classes.compactMap { labelSentence?($0) }
    if let known = identity ?? definition { texts.append(known) }
    guard let example = try? shownExample() else { return texts }
    if let prompt { texts.append(prompt(example)) }
    if let masked = masked?(example) { texts += [masked.before, masked.after] }
    return texts
  }
}
