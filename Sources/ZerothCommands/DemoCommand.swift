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

struct DemoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Fine-tune the embedded film-review model on SST-2 by MeZO, LOZO, LOZO-M and DiZO and compare them.")

  @Option(parsing: .unconditional, help: "Forward passes for each optimiser.")
  var forwards = 800
  @Option(parsing: .unconditional, help: "The seed of all random numbers.")
  var seed = 0
  @OptionGroup var threads: ThreadOptions
  @Option(help: "A new folder to keep the runs in. Default: none; they are removed.")
  var out: String?
  @OptionGroup var output: OutputOptions

  func run() throws {
    try require("--seed", seed, "at least 0") { $0 >= 0 }
    try threads.check()
    let folder = out ?? NSTemporaryDirectory() + "zeroth-demo-\(ProcessInfo.processInfo.processIdentifier)"
    guard !FileManager.default.fileExists(atPath: folder) else {
      throw InputError("--out \(folder)", found: "a folder that is there", expected: "a new one")
    }
    defer { if out == nil { try? FileManager.default.removeItem(atPath: folder) } }
    let results = try Demo(forwards: forwards, seed: seed, threads: threads.threads).run(
      in: folder, registry: ZerothTool.toolbox.registry)
    var table = Table(RunResult.columns)
    for (name, result) in results { table.rows.append(result.row(name)) }
    output.print(
      .object(results.map { .init($0.optimizer, .object($0.result.json)) }),
      text: """
        SST-2 with the embedded imdb-opt (4.3 M parameters): accuracy on 1 000 test sentences, half of them positive

        \(table.text)
        zero-shot: before training; final: after the last step; best: the model with the best dev accuracy.
        """)
  }
}
