import Foundation
import Zeroth
import ZerothModels
import ZerothRecords
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks

/// One training run: fine-tunes a model on a task by a composed optimiser, and keeps a record from which it can be
/// resumed and replayed.
public final class TrainingRun {
  /// What is run.
  public let configuration: RunConfiguration
  /// The model and the examples.
  public let workbench: Workbench
  private let registry: Registry
  private let progress: ProgressLine?
  private let baseline: RunResult?
  private var result = RunResult()
  private var metrics: MetricsWriter?
  private var recorded: [MetricsRow.Evaluation] = []
  private var recordedSteps = 0
  private var earlierSeconds = 0.0
  private var lastScore: Double?

  /// A run of `configuration` on `workbench`, shown by `progress`. `baseline`, a run on the same model and examples,
  /// spares measuring the scores before the first step again.
  public init(
    _ configuration: RunConfiguration, _ workbench: Workbench, registry: Registry = .standard,
    progress: ProgressLine? = nil, baseline: RunResult? = nil
  ) {
    self.baseline = baseline
    self.configuration = configuration
    self.workbench = workbench
    self.registry = registry
    self.progress = progress
  }

  /// Trains, evaluating dev every so many steps and keeping the best model, and measures test at the end.
  ///
  /// With a folder in the configuration, everything is recorded there; `resuming` goes on with what it holds.
  /// Throws `InputError` for what cannot be used, before anything is written.
  public func run(resuming: Bool = false) throws -> RunResult {
    let sampler = try BatchSampler(
      count: workbench.splits.train.count, size: configuration.batch, seed: UInt64(configuration.composition.seed))
    return try run(try workbench.makeObjective(sampler), resuming: resuming)
  }

  private func run(_ base: some Objective, resuming: Bool) throws -> RunResult {
    let objective = RecordingObjective(base)
    Parallel.threads = configuration.threads
    PeakMemory.reset()
    var theta = try workbench.model.loadParameters(
      training: configuration.trainable, storage: configuration.storage, labelHead: configuration.labelHead)
    var optimizer = try registry.makeOptimizer(configuration.composition, runSteps: configuration.steps)
    try optimizer.validate(theta.layout)
    let header = TrajectoryHeader(identity: configuration.identity, steps: configuration.steps, base: theta)
    var record = RunRecord(of: configuration, layout: theta.layout)
    let files = try openFolder(resuming: resuming)
    if !resuming { try files?.write(record) }
    // Refuses to resume another run, whose record must then stay as it is.
    try openMetrics(files, header, optimizer, theta.layout, resuming: resuming)
    if resuming { try files?.write(record) }
    for note in workbench.notes { progress?.print(note) }

    result.zeroShot = try scores(.test, theta, step: 0, known: baseline?.zeroShot)
    try evaluate(theta, step: 0, files)
    let start = ContinuousClock.now
    var evaluating = Duration.zero
    do {
      let each: (StepReport, Bool, borrowing ParameterStore) throws -> Void = { report, replayed, theta in
        try self.didStep(report, seconds: (ContinuousClock.now - start - evaluating) / .seconds(1))
        let begin = ContinuousClock.now
        let done = report.step + 1
        if done % self.configuration.evalEvery == 0 || done == self.configuration.steps {
          try self.evaluate(theta, step: done, files)
        }
        evaluating += ContinuousClock.now - begin
      }
      if let files {
        try optimizer.resume(
          &theta, objective, trajectory: files.trajectory, header: header, until: configuration.steps, afterEach: each)
      } else {
        while optimizer.nextStep < configuration.steps {
          try each(try optimizer.step(&theta, objective.base), false, theta)
        }
      }
      result.end = "all \(configuration.steps) steps done"
    } catch let error as NonFiniteError {
      result.skipped += 1
      result.end = error.description
      result.isCutShort = true
    }
    progress?.finish()
    result.seconds = earlierSeconds + (ContinuousClock.now - start - evaluating) / .seconds(1)
    result.peakMemory = PeakMemory.bytes
    result.final = try scores(.test, theta, step: result.steps)
    result.best = try bestScores(theta, files)
    try metrics?.synchronize()
    record.end = result.end
    record.results = result.json
    try files?.write(record)
    return result
  }

  /// The run's folder, made if need be. It must not hold another run, or, to resume, it must hold this one.
  private func openFolder(resuming: Bool) throws(InputError) -> RunFiles? {
    guard let out = configuration.out else {
      guard !resuming else { throw InputError("--resume", found: "no folder", expected: "--out with the run's folder") }
      return nil
    }
    let files = RunFiles(out)
    let isThere = FileManager.default.fileExists(atPath: files.record)
    guard isThere == resuming else {
      throw InputError(
        "run.out '\(out)'", found: isThere ? "another run" : "no run",
        expected: isThere ? "a new folder, or --resume to go on with that run" : "the folder of a run to resume")
    }
    if resuming { try registry.requirePlugins(ofRun: files.record) }
    do {
      try FileManager.default.createDirectory(atPath: out, withIntermediateDirectories: true)
    } catch {
      throw InputError("run.out '\(out)'", found: "a folder that cannot be made", expected: "a place to write to")
    }
    return files
  }

  /// Opens the metrics, cut off where the trajectory ends.
  private func openMetrics(
    _ files: RunFiles?, _ header: TrajectoryHeader, _ optimizer: any OptimizerProtocol, _ layout: ParameterLayout,
    resuming: Bool
  ) throws(InputError) {
    guard let files else { return }
    guard resuming, FileManager.default.fileExists(atPath: files.metrics) else {
      metrics = try MetricsWriter(new: files.metrics)
      return
    }
    var steps = 0
    if FileManager.default.fileExists(atPath: files.trajectory) {
      steps = try Trajectory(file: files.trajectory).steps(of: header, by: optimizer, in: layout).count
    }
    let writer = try MetricsWriter(resuming: files.metrics, at: steps)
    for row in writer.kept {
      switch row {
      case .step(let step):
        recordedSteps = step.step + 1
        earlierSeconds = step.seconds
      case .evaluation(let evaluation): recorded.append(evaluation)
      }
    }
    metrics = writer
  }

  private func didStep(_ report: StepReport, seconds: Double) throws {
    result.steps = report.step + 1
    result.forwards += report.forwards
    result.skipped += report.outcome == .skipped ? 1 : 0
    result.nonFiniteMoves += report.nonFiniteMoves
    if report.step >= recordedSteps {
      try metrics?.append(
        .step(.init(report, forwards: result.forwards, seconds: earlierSeconds + seconds)))
    }
    progress?.update(
      result.steps, loss: report.meanLoss, score: lastScore.map { (result.zeroShot.metric.displayName, $0) })
  }

  /// Evaluates dev and keeps the model if it is the best so far.
  private func evaluate(_ theta: borrowing ParameterStore, step: Int, _ files: RunFiles?) throws {
    let known = step == 0 ? baseline?.zeroShotDev : nil
    let scores = try scores(.dev, theta, step: step, known: known)
    lastScore = scores.main
    if step == 0 { result.zeroShotDev = scores }
    guard step == 0 || scores.main > result.bestDev.main else { return }
    result.bestDev = scores
    result.bestStep = step
    if let files {
      try workbench.model.pretrained.save(theta, to: files.model)
    } else {
      kept = Kept(theta.clone())
    }
  }

  /// Without a folder the best weights are kept in memory.
  private var kept: Kept?
  private final class Kept {
    let theta: ParameterStore
    init(_ theta: consuming ParameterStore) { self.theta = theta }
  }

  /// The scores on a split after `step` steps: as a resumed run has them on record, as they are `known`, or measured.
  private func scores(
    _ split: Workbench.Split, _ theta: borrowing ParameterStore, step: Int, known: Scores? = nil
  ) throws -> Scores {
    if let row = recorded.first(where: { $0.split == split.rawValue && $0.step == step }) {
      return Scores(recorded: row.scores)
    }
    var scores = known ?? Scores([])
    var loss: Double?
    if known == nil {
      let found = try workbench.evaluate(split, at: theta)
      scores = found.scores
      loss = found.loss
    }
    try metrics?.append(
      .evaluation(.init(step: step, split: split.rawValue, scores: scores.recorded, loss: loss)))
    return scores
  }

  /// Test scores of the best model by dev: of theta, if that is it.
  private func bestScores(_ theta: borrowing ParameterStore, _ files: RunFiles?) throws -> Scores {
    if result.bestStep == result.steps { return result.final }
    if result.bestStep == 0 { return result.zeroShot }
    if let kept { return try workbench.evaluate(.test, at: kept.theta).scores }
    guard let files else { return Scores([]) }
    return try workbench.evaluate(.test, at: loadModel(directory: files.model).loadParameters()).scores
  }
}

extension RunFiles {
  fileprivate func write(_ record: RunRecord) throws(InputError) { try record.write(to: self.record) }
}
