import Foundation
import Zeroth
import ZerothModels
import ZerothRecords
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks

/// Rebuilds the tuned model of a run from the base model and the losses in its trajectory: no forward pass, and the
/// same weights bit for bit. Gradients are not on record: a run that steps along them is computed again, from its seeds and its
/// data, and has the same bits on the same kind of CPU.
public struct ReplayedRun {
  /// Steps that were replayed.
  public let steps: Int
  /// Steps in the trajectory.
  public let recordedSteps: Int
  /// Bytes of a last step that had not been written whole.
  public let droppedBytes: Int
  /// The hash of the weights.
  public let weights: String

  /// Replays the run in `folder` on the base model in `modelPath`, from the adapter in `peft` where it started from one, and writes
  /// the model to `out`. Nil stands for what the run says.
  ///
  /// By default it stops at the step that the run kept as its best, or, if the run never ended, at the best by its
  /// dev rows; `step` asks for another one. Throws `InputError` when the model is not the run's base, files are damaged or
  /// the weights are not those that the run recorded at that step; then no model is written.
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
      try replay(on: FunctionObjective { _ in .nan })  // every step is on record
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

  /// Throws `InputError` unless `weights`, after `step` steps, are those whose hash the run recorded, where it did.
  private static func requireRecorded(_ weights: String, after step: Int, by files: RunFiles) throws(InputError) {
    let results = try RunRecord.json(in: files.record)["results"]
    for (steps, key) in [("steps", RunResult.weightsKey), ("best_step", RunResult.bestWeightsKey)] {
      guard results?[steps]?.integer == step, let recorded = results?[key]?.string else { continue }
      guard recorded == weights else {
        throw InputError(
          "\(files.record): \(key)", found: recorded,
          expected: "\(weights), the hash of the weights after \(step) replayed steps")
      }
    }
  }

  /// The first step of the highest dev score.
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
