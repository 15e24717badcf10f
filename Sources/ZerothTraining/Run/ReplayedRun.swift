import Foundation
import Zeroth
import ZerothModels
import ZerothRecords
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks

/// Rebuilds the tuned model of a run from the base model and the losses in its trajectory. This takes no forward pass
/// and gives the same weights, bit for bit. Gradients are not recorded. A run that uses them is computed again from its
/// seeds and its data; its bits are the same on the same type of CPU.
public struct ReplayedRun {
  /// The number of steps that were replayed.
  public let steps: Int
  /// The number of steps in the trajectory.
  public let recordedSteps: Int
  /// The number of bytes of a last step that was not written completely.
  public let droppedBytes: Int
  /// The hash of the weights.
  public let weights: String

  /// Replays the run in `folder` on the base model in `modelPath`, from the adapter in `peft` where it started from
  /// one, and writes the model to `out`. Where `modelPath` or `peft` is nil, the one in the record of the run is used.
  ///
  /// By default the replay stops at the step of the run's best model. If the run never ended, this is the best step in
  /// its dev rows. `step` asks for another one. Throws `InputError` when the model is not the base of the run, when
  /// files are damaged, and when the weights are not those that the run recorded at this step. No model is then
  /// written.
  public init(
    _ folder: String, modelPath: String?, peft: String? = nil, out: String, step: Int? = nil,
    registry: Registry = .standard,
    tasks: TaskRegistry = .standard, families: ModelFamilies = .standard
  ) throws {
    let files = RunFiles(folder)
    var settings = try Settings(ofRun: files.record)
    try registry.requirePlugins(ofRun: files.record)
    if let modelPath { try settings.set("model", "path", Setting(.typed(.string(modelPath)), origin: "--model")) }
    if let peft {
      guard settings["tuning", "peft"] != nil else {
        throw InputError("--peft", found: "'\(peft)' for a run that started from no adapter", expected: "none")
      }
      try settings.set("tuning", "peft", Setting(.typed(.string(peft)), origin: "--peft"))
    }
    let configuration = try RunConfiguration(settings, registry, tasks: tasks, families: families)
    self = try Parallel.withThreads(configuration.threads) {
      try Self(configuration, files, out: out, step: step)
    }
  }

  private init(_ configuration: RunConfiguration, _ files: RunFiles, out: String, step: Int?) throws {
    let model = try loadTaskModel(
      directory: Embedded.modelDirectory(configuration.modelPath), task: configuration.task,
      tuning: configuration.tuning.source(configuration.runKey), families: configuration.families)
    try model.pretrained.requireOther(than: out)
    var theta = try configuration.loadParameters(of: model)
    var optimizer = try configuration.makeOptimizer()
    let header = TrajectoryHeader(
      identity: configuration.identity, steps: configuration.steps, base: theta, grain: optimizer.grain,
      shards: configuration.shards)
    let log = try TrajectoryLog(files.trajectory, header: header, optimizer: optimizer, layout: theta.layout)
    let recorded = log.recorded
    if let step { try require("--step", step, "at least 0") { $0 >= 0 } }
    let end = try step ?? Self.bestStep(files)
    guard (0...recorded.count).contains(end) else {
      throw InputError(
        "\(files.trajectory): step \(end)", found: "\(recorded.count) recorded steps", expected: "at least \(end)")
    }
    func replay(on objective: some Objective) throws {
      try optimizer.run(&theta, on: RecordingObjective(objective), log: log, until: end)
    }
    if optimizer.isReplayedFromLosses {
      try replay(on: FunctionObjective { _ in .nan })  // every step is recorded, so this objective is never asked
    } else {
      let setup = try TaskSetup(configuration)
      try replay(on: try setup.objective(configuration))
    }
    steps = end
    recordedSteps = recorded.count
    droppedBytes = recorded.droppedBytes
    weights = theta.contentHash()
    try Self.requireRecorded(weights, after: end, by: files)
    try model.pretrained.save(theta, to: out, as: configuration.savedPrecision)
  }

  /// Throws `InputError` unless the hash `weights`, after `step` steps, is the one that the run recorded, where it
  /// recorded one.
  private static func requireRecorded(_ weights: String, after step: Int, by files: RunFiles) throws(InputError) {
    let results = try RunRecord.json(in: files.record)["results"]
    for (steps, key) in [("steps", RunResult.weightsKey), ("best_step", RunResult.bestWeightsKey)] {
      guard results?[steps]?.integer == step, let value = results?[key], value != .null else { continue }
      guard let recorded = value.string else {
        throw InputError("\(files.record): \(key)", found: value.summary, expected: "the hash of weights")
      }
      guard recorded == weights else {
        throw InputError(
          "\(files.record): \(key)", found: recorded,
          expected: "\(weights), the hash of the weights after \(step) replayed steps")
      }
    }
  }

  /// The first step with the highest dev score.
  private static func bestStep(_ files: RunFiles) throws(InputError) -> Int {
    var best: MetricsRow.Evaluation?
    for case .evaluation(let row) in try Metrics.read(files.metrics)
    where row.split == "dev" && (row.step == 0 || row.unanswered == 0) {
      if best.map({ row.isBetter(than: $0) }) ?? true { best = row }
    }
    guard let best else {
      throw InputError(files.metrics, found: "no evaluation of dev", expected: "one, or --step")
    }
    return best.step
  }
}
