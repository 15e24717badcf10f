import Foundation
import Zeroth
import ZerothModels
import ZerothRecords
import ZerothResources
import ZerothSupport
import ZerothTasks

/// A model set to a task, with the examples that it is trained and measured on.
///
/// Each set of examples is turned into tokens once, when it is first asked for.
public final class TaskSetup {
  /// A set of examples.
  public enum Split: String, Sendable, CaseIterable {
    /// What is trained on.
    case train
    /// What checkpoints are chosen by.
    case dev
    /// What is measured at the end, and never used to choose anything.
    case test
  }

  /// Which examples of the data there are.
  public enum Scope: Sendable, Hashable {
    /// Train, dev and test, drawn by the seed.
    case splits
    /// All examples of one file, as test.
    case file
    /// The same without their labels, which are asked for.
    case questions
  }

  /// The model and how it is asked about the task.
  public let model: any TaskModel
  /// What training minimises.
  public let objective: TaskObjective
  /// The examples in text.
  public let splits: Splits
  /// How a configuration has the model tuned; nil where it was made without one.
  private(set) var tuning: TuningChoice?
  private let scope: Scope
  private let demonstrations: [Example]
  private var encoded: [Split: any EncodedExamples] = [:]
  private var encodedTraining: TrainingExamples?
  private var askedSamples: (any EncodedExamples)?

  /// The task.
  public var task: TextTask { model.task }

  /// Reads the model in `modelPath` (or the embedded one, by its name) and the examples at `data` (or the task's own), and
  /// draws train, dev and test by `seed`.
  ///
  /// - Parameters:
  ///   - modelPath: the model's folder or file, or the embedded model's name.
  ///   - task: the task.
  ///   - objective: what training minimises; by default what the papers train the task by.
  ///   - data: a file or folder of examples.
  ///   - testData: a file or folder whose test examples take the place of those at `data`.
  ///   - size: examples for train and dev; the task's own sizes by default.
  ///   - testCount: the most test examples; the task's own size by default.
  ///   - seed: draws the sets.
  ///   - count: training examples, drawn by the seed, in front of each prompt of dev and test.
  ///   - chat: whether the model is asked as an assistant, by its checkpoint's chat template.
  ///   - tuning: what stands beside the model's weights; nothing by default.
  ///   - scope: whether sets are drawn, or all of a file is taken.
  ///   - families: the families of models that are known.
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
    if count > 0 { _ = try encodedExamples(of: .test) }  // a model that learns nothing in context says so now
  }

  /// The model, tokenizer and examples that `configuration` names.
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

  /// Throws `InputError` where a part of `optimizer` needs derivatives and `base`, what training minimises, has none.
  func requireDerivatives(of base: some Objective, for optimizer: some OptimizerProtocol) throws(InputError) {
    guard optimizer.needsDerivatives, !base.hasDerivatives else { return }
    throw InputError(
      "objective '\(objective.name)'", found: "no gradient, which the optimizer needs",
      expected:
        "one with a gradient, such as cross-entropy or language-modeling; or an optimizer that measures losses alone")
  }

  /// Throws `InputError` where a run asks for diagnoses and its estimates cannot be compared with gradients.
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

  /// A hash of each thing that training depends on and that no option names, as it was read: the model's configuration, the
  /// tokenizer's files, how the model is asked (label words, the prompts of the example that `explain` shows, what a chat
  /// template puts around them) and the
  /// examples of each set. Where they were read from does not count.
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

  /// The hash of texts, told apart from the same texts cut elsewhere.
  private static func hash(_ texts: [String]) -> String {
    ContentHash.hex(
      texts.reduce(UInt64(texts.count)) { hash, text in
        var text = text
        return text.withUTF8 { ContentHash.xxh64(UnsafeRawBufferPointer($0), seed: hash) }
      })
  }

  /// The examples of `split` in text.
  public func examples(_ split: Split) -> [Example] {
    switch split {
    case .train: splits.train
    case .dev: splits.dev
    case .test: splits.test
    }
  }

  /// The training examples as the model is trained on them. Throws `InputError` naming one that cannot be asked.
  public func training() throws(InputError) -> TrainingExamples {
    if let encodedTraining { return encodedTraining }
    let training = try model.encode(splits.train, toMinimize: objective)
    encodedTraining = training
    return training
  }

  /// The model's answers on `split` at theta. Throws `InputError` naming an example that cannot be asked.
  public func evaluate(_ split: Split, at theta: borrowing ParameterStore) throws(InputError) -> TaskResult {
    TaskResult(task, try encodedExamples(of: split).answers(at: theta))
  }

  /// Seconds that the answers on `split` take at theta, from those to the first 16 examples.
  func secondsOfAnswers(_ split: Split, at theta: borrowing ParameterStore) throws(InputError) -> Double {
    let all = examples(split)
    guard !all.isEmpty else { return 0 }
    let some = Array(all.prefix(16))
    let encoded = try model.encode(some, demonstrations: split == .train ? [] : demonstrations)
    let start = ContinuousClock.now
    _ = try encoded.answers(at: theta)
    return (ContinuousClock.now - start) / .seconds(1) * Double(all.count) / Double(some.count)
  }

  /// Turns into tokens what a run needs: the training examples, dev and test.
  ///
  /// Throws `InputError` naming an example that cannot be asked: before a run writes anything.
  func prepareForTraining() throws(InputError) {
    _ = try training()
    for split in [Split.dev, .test] { _ = try encodedExamples(of: split) }
  }

  /// The examples of `split` as the model is asked them.
  func encodedExamples(of split: Split) throws(InputError) -> any EncodedExamples {
    if let known = encoded[split] { return known }
    let before = split == .train ? [] : demonstrations
    let fresh =
      try scope == .questions
      ? model.ask(examples(split), demonstrations: before) : model.encode(examples(split), demonstrations: before)
    encoded[split] = fresh
    return fresh
  }

  /// What the model answers at theta to the first `count` examples of dev, beside what is right.
  func samples(_ count: Int, at theta: borrowing ParameterStore) throws(InputError) -> [MetricsRow.Samples.Sample] {
    let some = Array(splits.dev.prefix(count))
    if askedSamples == nil { askedSamples = try model.ask(some, demonstrations: []) }
    guard let found = try askedSamples?.answers(at: theta) else { return [] }
    let answers = TaskResult(task, found).answerTexts(some)
    return zip(some, answers).map { example, answer in
      .init(prompt: task.question(example), answer: answer, expected: task.expected(example))
    }
  }

  /// What is said before a program is started that the task's file names; nil where there is none.
  public var program: String? { task.programNote }

  /// How the model was read, where the examples come from and what was left out of the prompts that have been made, in words.
  public var notes: [String] {
    let made = Split.allCases.compactMap { split -> (Split, [PromptCut])? in
      let training = split == .train ? encodedTraining?.cuts : nil
      return (training ?? encoded[split]?.cuts).map { (split, $0) }
    }
    // What is asked alone is not scored.
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
  /// What it says, as texts: fields by name, choices, answers and the label, each list after its length.
  fileprivate var content: [String] {
    ["\(fields.count)"] + fields.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
      + ["\(choices.count)"] + choices + ["\(answers.count)"] + answers + ["\(label)"]
      + messages.flatMap { [$0.role.rawValue, $0.content] } + (row == .null ? [] : ["\(row)"])
  }
}

extension TextTask {
  /// How a model is asked, as texts: the classes, and the prompts for the shown example.
  fileprivate var asking: [String] {
    var texts = classes.flatMap { [$0.word] + $0.names } + classes.compactMap { labelSentence?($0) }
    if let known = identity ?? definition { texts.append(known) }
    guard let example = try? shownExample() else { return texts }
    if let prompt { texts.append(prompt(example)) }
    if let masked = masked?(example) { texts += [masked.before, masked.after] }
    return texts
  }
}
