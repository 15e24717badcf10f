import ArgumentParser
import Foundation
import Zeroth
import ZerothRuns

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Time the steps of the methods against plain forward passes, on shapes made on the spot.")

  @Option(help: "The model's shape: \(BenchmarkShape.names.joined(separator: ", ")).")
  var shape = "opt-125m"
  @Option(help: "Sequences in a mini-batch.")
  var batch = 16
  @Option(help: "Tokens in a sequence.")
  var tokens = 64
  @Option(help: "The loss: language-model, or classification with two candidates.")
  var loss = StepBenchmark.Loss.languageModel.rawValue
  @Option(help: "Rounds; medians are printed.")
  var repeats = 5
  @Option(help: "Threads.")
  var threads = ProcessInfo.processInfo.activeProcessorCount
  @Option(help: "Optimisers, separated by commas.")
  var optimizers = Demo.optimizers.joined(separator: ",")
  @OptionGroup var output: OutputOptions

  func run() throws {
    guard let loss = StepBenchmark.Loss(rawValue: loss) else {
      throw InputError("--loss", found: "'\(loss)'", expected: "language-model or classification")
    }
    try require("--threads", threads, "1 to 1024") { (1...1024).contains($0) }
    Parallel.threads = threads
    let result = try StepBenchmark(
      shape: shape, batch: batch, tokens: tokens, loss: loss, repeats: repeats,
      optimizers: optimizers.split(separator: ",").map(String.init))
    output.print(result.json, text: result.text)
  }
}
