import ArgumentParser
import Foundation
import Zeroth
import ZerothModels
import ZerothRecords
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTraining

struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Zero-shot and in-context scores of a model on a task.")

  @OptionGroup var asked: AskedModelOptions
  @Option(help: .option("task", "data"), completion: .file())
  var data: String?
  @Option(help: .option("task", "test-data"), completion: .file())
  var testData: String?
  @Option(
    name: [.long, .customLong("shots")], parsing: .unconditional,
    help: "Training examples, drawn by the seed, in front of each prompt of test or dev.")
  var demonstrations = 0
  @Option(
    help:
      "Which examples: test, dev or train. Default: test; of --data FILE, unless sets are asked for, all of the file.",
    completion: .list(TaskSetup.Split.allCases.map(\.rawValue)))
  var split: String?
  @Option(
    parsing: .unconditional, help: "Examples of each class, in train and in dev alike. Default: the task's own sizes.")
  var k: Int?
  @Option(parsing: .unconditional, help: "Test examples, at most. Default: the task's own, mostly 1000.")
  var test: Int?
  @Option(parsing: .unconditional, help: "The seed that draws train and dev, and so the demonstrations.")
  var seed = 0
  @OptionGroup var programs: ProgramOptions
  @OptionGroup var threads: ThreadOptions
  @Option(
    help: "A file for each example's scores, prediction and label, as JSON lines. Default: none.", completion: .file())
  var predictions: String?
  @OptionGroup var output: OutputOptions

  func run() throws {
    try require("--seed", seed, "at least 0") { $0 >= 0 }
    try threads.apply()
    guard let split = TaskSetup.Split(rawValue: self.split ?? TaskSetup.Split.test.rawValue) else {
      throw InputError("--split", found: "'\(self.split ?? "")'", expected: "test, dev or train")
    }
    guard split != .train || demonstrations == 0 else {
      throw InputError("--demonstrations", found: "\(demonstrations) with --split train", expected: "dev or test")
    }
    if let predictions { try Predictions.requirePlace(predictions, besides: [data, testData, asked.task]) }
    let setup = try setup()
    for note in setup.notes { StandardStreams.tell(note.printable() + "\n") }
    let theta = try setup.model.loadFrozenParameters()
    let found = try setup.evaluate(split, at: theta)
    let examples = setup.examples(split)
    if let predictions { try Predictions(found, examples).write(to: predictions) }
    report(found, examples.count)
    if found.unanswered > 0 {
      StandardStreams.tell(
        "\(ZerothTool.name): \(found.unanswered) of \(found.count) examples have no answer, as the model's output is not "
          + "finite; they count as wrong\n")
      throw ExitCode(1)
    }
  }

  private func setup() throws -> TaskSetup {
    try TaskSetup(
      modelPath: asked.model, task: programs.tasks.task(asked.task), data: data, testData: testData,
      size: k.map { .perClass($0) }, testCount: test, seed: UInt64(seed), demonstrations: demonstrations,
      chat: asked.chat, tuning: asked.tuning(), scope: isWholeFile ? .file : .splits,
      families: ZerothTool.toolbox.families)
  }

  /// Whether the examples are a whole file: a file is named, and no option asks for sets drawn from it.
  private var isWholeFile: Bool {
    guard let data, testData == nil, split == nil, k == nil, test == nil, demonstrations == 0 else { return false }
    return FileManager.default.fileExists(atPath: data) && !data.isFolder
  }

  private var splitName: String { isWholeFile ? "all" : split ?? TaskSetup.Split.test.rawValue }

  private func report(_ found: TaskResult, _ count: Int) {
    var words = found.scores.values.map { "\($0.metric.displayName) \($0.metric.unit.text($0.value))" }
    if let loss = found.loss { words.append("loss \(Human.fixed(loss, 4))") }
    output.print(
      .object(
        [
          .init("task", .string(found.task.name)), .init("split", .string(splitName)),
          .init("examples", .int(count)), .init("demonstrations", .int(demonstrations)),
        ] + found.json),
      text: """
        \(found.table.map { $0 + "\n" } ?? "")\
        \(found.task.name), \(count) examples of \(isWholeFile ? data ?? "" : splitName), \(demonstrations) demonstrations: \
        \(words.joined(separator: ", "))
        """)
  }
}
