import ArgumentParser
import Foundation
import Zeroth
import ZerothBenchmarks
import ZerothModels
import ZerothPluginHost
import ZerothRecords
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTraining

struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Zero-shot and in-context scores of a model on a task.")

  @Option(help: "Folder of the model, or imdb-opt, which comes with the tool.")
  var model: String
  @Option(help: "The task, such as sst2.")
  var task: String
  @Option(help: "Folder or file of the examples; by default those that come with the tool.")
  var data: String?
  @Option(help: "Folder or file of the test examples; by default the test file beside the others.")
  var testData: String?
  @Option(
    name: [.long, .customLong("shots")],
    help: "Training examples, drawn by the seed, in front of each prompt.")
  var demonstrations = 0
  @Option(help: "Which examples: test, dev or train.")
  var split = Workbench.Split.test.rawValue
  @Option(help: "Examples of each class in train and dev; by default the task's own sizes.")
  var k: Int?
  @Option(help: "Test examples, at most; by default the task's own size.")
  var test: Int?
  @Option(help: "The seed that draws train and dev, and so the demonstrations.")
  var seed = 0
  @Option(help: "Threads; results do not depend on them.")
  var threads = ProcessInfo.processInfo.activeProcessorCount
  @Option(help: "A file for each example's scores, prediction and label, as JSON lines.")
  var predictions: String?
  @OptionGroup var output: OutputOptions

  func run() throws {
    try require("--seed", seed, "at least 0") { $0 >= 0 }
    try require("--threads", threads, "1 to 1024") { (1...1024).contains($0) }
    guard let split = Workbench.Split(rawValue: split) else {
      throw InputError("--split", found: "'\(split)'", expected: "test, dev or train")
    }
    guard split != .train || demonstrations == 0 else {
      throw InputError("--demonstrations", found: "\(demonstrations) with --split train", expected: "dev or test")
    }
    if let predictions { try Predictions.requirePlace(predictions) }
    Parallel.threads = threads
    let bench = try workbench()
    for note in bench.notes { FileHandle.standardError.write(Data("\(note)\n".utf8)) }
    let theta = try bench.model.loadParameters()
    let found = try bench.evaluate(split, at: theta)
    let examples = bench.examples(split)
    if let predictions { try Predictions(found, examples).write(to: predictions) }
    report(found, split, examples.count)
  }

  private func workbench() throws -> Workbench {
    try Workbench(
      modelPath: model, task: ZerothTool.toolbox.tasks.task(named: task), data: data, testData: testData,
      size: k.map { .perClass($0) }, testCount: test, seed: UInt64(seed), demonstrations: demonstrations)
  }

  private func report(_ found: TaskResult, _ split: Workbench.Split, _ count: Int) {
    var words = found.scores.values.map { "\($0.metric.displayName) \(Human.percent($0.value))" }
    if let loss = found.loss { words.append("loss \(Human.fixed(loss, 4))") }
    output.print(
      .object(
        [
          .init("task", .string(found.task.name)), .init("split", .string(split.rawValue)),
          .init("examples", .int(count)), .init("demonstrations", .int(demonstrations)),
        ] + found.json),
      text: """
        \(found.table.map { $0 + "\n" } ?? "")\
        \(found.task.name), \(count) examples of \(split.rawValue), \(demonstrations) demonstrations: \
        \(words.joined(separator: ", "))
        """)
  }
}
