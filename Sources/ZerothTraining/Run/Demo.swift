import Foundation
import Zeroth
import ZerothModels
import ZerothRecords
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks

/// The main job on what the package carries: MeZO, LOZO, LOZO-M and DiZO on the embedded model and sentences, with the
/// same number of forward passes.
public struct Demo {
  /// The presets that are compared.
  public static let optimizers = ["mezo", "lozo", "lozo-m", "dizo"]

  /// Forward passes of each, at most.
  public let forwards: Int
  /// The seed of each.
  public let seed: Int
  /// Threads.
  public let threads: Int

  /// A demo of `forwards` passes for each optimiser.
  public init(forwards: Int = 800, seed: Int = 0, threads: Int) {
    self.forwards = forwards
    self.seed = seed
    self.threads = threads
  }

  /// Runs all of them, each recorded in a folder of its own below `folder`, and tells of each result.
  public func run(
    in folder: String, registry: Registry = .standard, didFinish: (_ optimizer: String, RunResult) -> Void = { _, _ in }
  ) throws -> [(optimizer: String, result: RunResult)] {
    try require("--forwards", forwards, "at least 100") { $0 >= 100 }
    var baseline: RunResult?
    return try Self.optimizers.map { name in
      let configuration = try configuration(name, out: "\(folder)/\(name)", registry)
      let run = TrainingRun(
        configuration, try configuration.workbench(), registry: registry,
        progress: ProgressLine(name, total: configuration.steps), baseline: baseline)
      let result = try run.run()
      baseline = baseline ?? result
      didFinish(name, result)
      return (name, result)
    }
  }

  /// The run of `optimizer` with as many steps as the forward passes allow, its adapter's counted.
  func configuration(_ optimizer: String, out: String, _ registry: Registry) throws -> RunConfiguration {
    func configuration(_ steps: Int) throws -> RunConfiguration {
      try RunConfiguration(
        Settings([
          "model": ["path": .string(Embedded.modelName)], "task": ["name": "sst2"],
          "run": [
            "optimizer": .string(optimizer), "steps": .int(steps), "seed": .int(seed), "threads": .int(threads),
            "eval-every": .int(max(1, steps / 4)), "out": .string(out),
          ],
        ]), registry)
    }
    let layout = try ParameterLayout([
      .init("q", rows: 8, columns: 8, role: .query), .init("v", rows: 8, columns: 8, role: .value),
    ])
    let optimizer = try registry.makeOptimizer(try configuration(forwards).composition, runSteps: forwards)
    var steps = 0
    var used = 0
    while used + optimizer.forwards(at: steps, in: layout) <= forwards {
      used += optimizer.forwards(at: steps, in: layout)
      steps += 1
    }
    return try configuration(steps)
  }
}
