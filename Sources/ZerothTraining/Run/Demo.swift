import Foundation
import Zeroth
import ZerothModels
import ZerothRecords
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks

/// The demo: MeZO, LOZO, LOZO-M and DiZO on the model and the sentences that the package contains, with the same number
/// of forward passes.
public struct Demo {
  /// The presets that are compared.
  public static let optimizers = ["mezo", "lozo", "lozo-m", "dizo"]

  /// The most forward passes of each optimiser.
  public let forwards: Int
  /// The seed of each run.
  public let seed: Int
  /// The number of threads.
  public let threads: Int

  /// A demo of `forwards` passes for each optimiser.
  public init(forwards: Int = 800, seed: Int = 0, threads: Int) {
    self.forwards = forwards
    self.seed = seed
    self.threads = threads
  }

  /// Runs all optimisers and calls `didFinish` with each result. Each run is recorded in its own folder below `folder`.
  public func run(
    in folder: String, registry: Registry = .standard, didFinish: (_ optimizer: String, RunResult) -> Void = { _, _ in }
  ) throws -> [(optimizer: String, result: RunResult)] {
    try require("--forwards", forwards, "at least 100") { $0 >= 100 }
    // All runs have the same model and examples, so these are read and converted to tokens only once.
    let setup = try TaskSetup(configuration(Self.optimizers[0], steps: 1, registry))
    var baseline: RunResult?
    return try Self.optimizers.map { name in
      let steps = try steps(of: name, in: setup.model.pretrained.layout, registry)
      let configuration = try configuration(name, steps: steps, out: "\(folder)/\(name)", registry)
      let run = try TrainingRun(
        configuration, setup, progress: ProgressLine(name, total: configuration.steps), baseline: baseline)
      let result = try run.run()
      baseline = baseline ?? result
      didFinish(name, result)
      return (name, result)
    }
  }

  /// The most steps of `optimizer` that the forward passes allow, including those of its adapter.
  func steps(of optimizer: String, in layout: ParameterLayout, _ registry: Registry) throws -> Int {
    let optimizer = try configuration(optimizer, steps: forwards, registry).makeOptimizer()
    var steps = 0
    var used = 0
    while used + optimizer.forwards(at: steps, in: layout) <= forwards {
      used += optimizer.forwards(at: steps, in: layout)
      steps += 1
    }
    return steps
  }

  private func configuration(
    _ optimizer: String, steps: Int, out: String? = nil, _ registry: Registry
  ) throws -> RunConfiguration {
    var run: [String: OptionValue] = [
      "optimizer": .string(optimizer), "steps": .int(steps), "seed": .int(seed), "threads": .int(threads),
      "eval-every": .int(max(1, steps / 4)),
    ]
    run["out"] = out.map { .string($0) }
    return try RunConfiguration(
      Settings(["model": ["path": .string(Embedded.modelName)], "task": ["name": "sst2"], "run": run]), registry)
  }
}
