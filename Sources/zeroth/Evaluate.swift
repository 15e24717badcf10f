import ArgumentParser
import Foundation
import Zeroth
import ZerothRuns
import ZerothTasks

struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Zero-shot and in-context accuracy of a model on a task.")

  @Option(help: "Folder of the model, or imdb-opt, which comes with the tool.")
  var model: String
  @Option(help: "The task, such as sst2.")
  var task: String
  @Option(help: "Folder or file of the examples; by default those that come with the tool.")
  var data: String?
  @Option(help: "Training examples in front of each prompt.")
  var shots = 0
  @Option(help: "Which examples: test, dev or train.")
  var split = "test"
  @Option(help: "Test examples, at most; all by default.")
  var test: Int?
  @Option(help: "The seed that draws train and dev, and so the demonstrations.")
  var seed = 0
  @Option(help: "Threads; results do not depend on them.")
  var threads = ProcessInfo.processInfo.activeProcessorCount
  @OptionGroup var output: OutputOptions

  func run() throws {
    try require("--seed", seed, "at least 0") { $0 >= 0 }
    try require("--threads", threads, "1 to 1024") { (1...1024).contains($0) }
    try require("--split", split, "test, dev or train") { ["test", "dev", "train"].contains($0) }
    Parallel.threads = threads
    let bench = try Workbench(
      modelPath: model, task: task, data: data, size: nil, testCount: test ?? .max, seed: UInt64(seed), shots: shots)
    let examples = split == "test" ? bench.test : split == "dev" ? bench.dev : bench.train
    let theta = try bench.model.loadParameters()
    let found = try bench.model.classify(examples, at: theta)
    let score = ClassificationScore(
      classes: bench.task.classes.count, predictions: found.predictions, labels: found.labels)
    let words = bench.task.classes.map(\.word)
    var table = Table([.left("class")] + words.map { .right("as \($0)") } + [.right("right")])
    for (label, word) in words.enumerated() {
      table.rows.append(
        [word] + score.confusion[label].map { "\($0)" } + [score.perClassAccuracy[label].map(Human.percent) ?? "-"])
    }
    output.print(
      [
        "task": .string(task), "split": .string(split), "examples": .int(examples.count), "shots": .int(shots),
        "accuracy": .double(found.accuracy), "loss": .double(found.loss),
        "per_class_accuracy": .array(score.perClassAccuracy.map { $0.map { .double($0) } ?? .null }),
        "confusion": .array(score.confusion.map { .array($0.map { .int($0) }) }),
      ],
      text: """
        \(table.text)
        \(task), \(examples.count) examples of \(split), \(shots) shots: accuracy \(Human.percent(found.accuracy)), \
        loss \(Human.fixed(found.loss, 4))
        """)
  }
}
