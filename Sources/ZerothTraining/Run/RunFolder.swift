import Foundation
import Zeroth
import ZerothDistributed
import ZerothRecords
import ZerothStrategies
import ZerothSupport
import ZerothTasks

/// The folder of a run: its record, metrics and trajectory, and what is recorded in it already.
///
/// In a job of several ranks, rank 0 writes the folder. The other ranks hold a copy of what is recorded, so that all
/// ranks continue in the same way. They write nothing, and need no access to the folder.
final class RunFolder {
  let files: RunFiles
  /// The snapshots: the optimiser's state after some steps.
  let snapshots: Snapshots
  /// The losses. Recorded steps are made again from them.
  let log: TrajectoryLog
  /// Whether this rank writes the folder.
  let isWritten: Bool
  private let metrics: MetricsWriter?
  /// Writes the rows for TensorBoard too; nil where that is not asked for.
  private let events: EventFile?
  private var record: RunRecord?
  private let lock: FolderLock?
  /// The evaluations that are recorded.
  private var evaluations: [MetricsRow.Evaluation] = []
  /// The number of steps whose rows are recorded.
  private var steps = 0
  /// The number of recorded steps in which no direction changed the reward.
  private(set) var recordedFlatSteps = 0
  /// The number of steps before the last recorded row about the layers; nil for none.
  private var layersStep: Int?
  /// The number of steps before the last recorded answers; nil for none.
  private var samplesStep: Int?
  /// The number of steps before the last recorded diagnosis; nil for none.
  private var diagnosisStep: Int?
  /// Whether the best model so far is missing in the folder, so that it has to be written again.
  private let lacksModel: Bool
  /// The seconds of training in earlier processes.
  private(set) var earlierSeconds = 0.0

  /// Opens the folder that `configuration` names: a new one, or with `resuming` that of this run. Nil where the
  /// configuration names none.
  ///
  /// `inputs` are the hashes of what the run has read. `isSaved` says whether a folder has a model that was saved from
  /// this one. Throws `InputError`, before anything is written, when the folder holds another run or no run to resume,
  /// and when the ranks of `job` do not belong to one run.
  static func open(
    _ configuration: RunConfiguration, _ optimizer: any OptimizerProtocol, at theta: borrowing ParameterStore,
    inputs: [String: String], resuming: Bool, job: Job, isSaved: (_ model: String) -> Bool
  ) throws -> RunFolder? {
    try job.together { if job.leads { try requirePlace(configuration, resuming: resuming) } }
    guard configuration.out != nil || job.isShared else { return nil }
    let header = TrajectoryHeader(
      identity: configuration.identity, steps: configuration.steps, base: theta, grain: optimizer.grain,
      shards: configuration.shards, inputs: inputs)
    try header.requireSame(on: job)
    guard let files = configuration.out.map({ RunFiles($0) }) else { return nil }
    let layout = theta.layout
    let written = try job.together {
      try job.leads ? RunFolder(files, configuration, optimizer, header, layout, isSaved) : nil
    }
    guard job.isShared else { return written }
    let trajectory = try job.fromLeader { Array(FileManager.default.contents(atPath: files.trajectory) ?? Data()) }
    let rows = try job.fromLeader { written?.copiedRows ?? [] }
    let lacksModel = try job.fromLeader { [written?.lacksModel == true ? 1 : 0] } == [1]
    return try job.together {
      try written
        ?? RunFolder(copy: Data(trajectory), Data(rows), lacksModel: lacksModel, of: files, optimizer, header, layout)
    }
  }

  /// Throws `InputError` where the folder that `configuration` names cannot take a new run, or with `resuming` does not
  /// have this run.
  static func requirePlace(_ configuration: RunConfiguration, resuming: Bool) throws(InputError) {
    guard let out = configuration.out else {
      guard !resuming else { throw InputError("--resume", found: "no folder", expected: "--out with the run's folder") }
      return
    }
    let files = RunFiles(out)
    guard !FileManager.default.fileExists(atPath: out) || out.isFolder else {
      throw InputError("run.out '\(out)'", found: "a file", expected: "a folder, or a new name")
    }
    try requireNothingElse(in: files, task: configuration.task.definition)
    let isThere = FileManager.default.fileExists(atPath: files.record)
    guard isThere == resuming else {
      throw InputError(
        "run.out '\(out)'", found: isThere ? "a run" : "no run",
        expected: isThere ? "a new folder, or --resume to go on with it" : "the folder of a run to resume")
    }
    if resuming { try PluginIdentity.require(configuration.loadedPlugins, ofRun: files.record) }
  }

  /// Throws `InputError` where there is no record of a run, but files that a run would write over: those of a run, which
  /// is then unknown, or a model or a task of somebody else. Files of a run that are empty are not counted: a run leaves
  /// them where the disk is full at its start.
  private static func requireNothingElse(in files: RunFiles, task: String?) throws(InputError) {
    let manager = FileManager.default
    guard !manager.fileExists(atPath: files.record) else { return }
    func refusal(_ found: String) -> InputError {
      InputError(
        "run.out '\(files.folder)'", found: "\(found) and no run.json beside it",
        expected: "a new folder, or one with the record of its run")
    }
    for path in [files.trajectory, files.metrics] where manager.contents(atPath: path)?.isEmpty == false {
      throw refusal(path)
    }
    for folder in [files.model, files.last, files.snapshots] {
      if let name = (try? manager.contentsOfDirectory(atPath: folder))?.min() {
        throw refusal(folder.appendingFile(name))
      }
    }
    if let task, let found = manager.contents(atPath: files.task), found != Data(task.utf8) {
      throw refusal("\(files.task), another task's,")
    }
  }

  private init(
    _ files: RunFiles, _ configuration: RunConfiguration, _ optimizer: any OptimizerProtocol,
    _ header: TrajectoryHeader, _ layout: ParameterLayout, _ isSaved: (String) -> Bool
  ) throws(InputError) {
    self.files = files
    isWritten = true
    do {
      try FileManager.default.createDirectory(atPath: files.folder, withIntermediateDirectories: true)
    } catch {
      throw InputError(
        "run.out '\(files.folder)'", found: "a folder that cannot be made", expected: "a place to write to")
    }
    lock = try FolderLock(files.folder)
    let record = RunRecord(of: configuration, layout: layout)
    self.record = record
    snapshots = Snapshots(folder: files.snapshots, run: header.runHash)
    log = try TrajectoryLog(files.trajectory, header: header, optimizer: optimizer, layout: layout)
    try log.recorded.requireAppendable()
    AtomicFile.removeRemains(in: [files.folder, files.model, files.last, files.snapshots])
    lacksModel = !isSaved(files.model)
    let metrics =
      try FileManager.default.fileExists(atPath: files.metrics)
      ? MetricsWriter(resuming: files.metrics, at: log.recorded.count) : MetricsWriter(new: files.metrics)
    self.metrics = metrics
    try Self.requireEveryStep(of: metrics.kept, in: files.metrics)
    events =
      try configuration.writesTensorBoard ? EventFile(in: files.tensorBoard, rows: metrics.kept) : nil
    take(metrics.kept)
    if let definition = configuration.task.definition { try AtomicFile.write(definition, to: files.task) }
    try record.write(to: files.record)
  }

  /// Throws `InputError` where the row of a step is missing before the last one.
  private static func requireEveryStep(of rows: [MetricsRow], in path: String) throws(InputError) {
    var expected = 0
    for case .step(let row) in rows {
      guard row.step == expected else {
        throw InputError(
          path, found: "step \(row.step) after \(expected) rows of steps", expected: "a row for each step")
      }
      expected += 1
    }
  }

  /// The copy that another rank holds of the folder that rank 0 writes.
  private init(
    copy trajectory: Data, _ rows: Data, lacksModel: Bool, of files: RunFiles, _ optimizer: any OptimizerProtocol,
    _ header: TrajectoryHeader, _ layout: ParameterLayout
  ) throws(InputError) {
    self.files = files
    isWritten = false
    self.lacksModel = lacksModel
    snapshots = Snapshots(folder: files.snapshots, run: header.runHash)
    log = try TrajectoryLog(
      copy: trajectory.isEmpty ? nil : trajectory, of: files.trajectory, header: header, optimizer: optimizer,
      layout: layout)
    (metrics, events, lock) = (nil, nil, nil)
    take(try Metrics.rows(of: rows, path: files.metrics))
  }

  /// The recorded rows that another rank needs. Of the rows of steps, this is only the last one.
  private var copiedRows: [UInt8] {
    let rows = metrics?.kept ?? []
    let last = rows.lastIndex { if case .step = $0 { true } else { false } }
    let needed = rows.enumerated().filter { index, row in if case .step = row { index == last } else { true } }
    return Array(needed.map { "\($0.element.json)\n" }.joined().utf8)
  }

  /// Reads the recorded rows.
  private func take(_ rows: [MetricsRow]) {
    for row in rows {
      switch row {
      case .step(let step):
        steps = step.step + 1
        earlierSeconds = step.seconds
        if let rewards = step.rewards, rewards.overPoints == 0, step.losses.count > 1 { recordedFlatSteps += 1 }
      case .evaluation(let evaluation): evaluations.append(evaluation)
      case .layers(let layers): layersStep = layers.step
      case .samples(let samples): samplesStep = samples.step
      case .diagnosis(let diagnosis): diagnosisStep = diagnosis.step
      }
    }
  }

  /// Notes about the folder of a run of `steps` steps: that the earlier process ended without closing the run, and that
  /// nothing is left to measure.
  func notes(steps: Int) -> [String] {
    let owner = lock?.staleOwner.map {
      "process \($0), which wrote to \(files.folder) before, has ended without letting go of it"
    }
    let end =
      log.recorded.count >= steps
      ? "all \(steps) steps are on record, and are made again from their losses; more of them, as --steps, go on" : nil
    return [owner, end].compactMap(\.self)
  }

  /// The recorded evaluation of `split` after `step` steps; nil where there is none.
  func evaluation(_ split: TaskSetup.Split, after step: Int) -> MetricsRow.Evaluation? {
    evaluations.first { $0.split == split.rawValue && $0.step == step }
  }

  /// The recorded scores on `split` after `step` steps; nil where there are none.
  func scores(_ split: TaskSetup.Split, after step: Int) -> Scores? {
    evaluation(split, after: step).map { Scores(recorded: $0.scores) }
  }

  /// Whether `model` has to be written when the model after `step` steps is the best so far. It was written before the
  /// evaluation was recorded, so a resumed run does not write it again.
  func needsModel(after step: Int) -> Bool { isWritten && (lacksModel || scores(.dev, after: step) == nil) }

  /// Whether the first `steps` steps are completely recorded: all rows and evaluations exist, and so does the best
  /// model.
  func isComplete(until steps: Int, every interval: Int) -> Bool {
    !lacksModel && self.steps >= steps
      && stride(from: 0, through: steps, by: interval).allSatisfy { scores(.dev, after: $0) != nil }
  }

  /// Appends an evaluation that is not recorded yet.
  func append(_ row: MetricsRow.Evaluation) throws(InputError) {
    evaluations.append(row)
    try append(.evaluation(row))
  }

  /// Whether the row about the layers after `step` steps still has to be written.
  func needsLayers(after step: Int) -> Bool { isWritten && layersStep.map { step > $0 } ?? true }

  /// Appends a row about the layers that is not recorded yet.
  func append(_ row: MetricsRow.Layers) throws(InputError) {
    layersStep = row.step
    try append(.layers(row))
  }

  /// Whether the answers after `step` steps still have to be written.
  func needsSamples(after step: Int) -> Bool { isWritten && samplesStep.map { step > $0 } ?? true }

  /// Appends answers that are not recorded yet.
  func append(_ row: MetricsRow.Samples) throws(InputError) {
    samplesStep = row.step
    try append(.samples(row))
  }

  /// Whether the diagnosis after `step` steps still has to be written.
  func needsDiagnosis(after step: Int) -> Bool { diagnosisStep.map { step > $0 } ?? true }

  /// Appends a diagnosis that is not recorded yet.
  func append(_ row: MetricsRow.Diagnosis) throws(InputError) {
    diagnosisStep = row.step
    try append(.diagnosis(row))
  }

  /// Appends a step that is not recorded yet. `seconds` are those of this process.
  func append(
    _ report: StepReport, forwards: Int, seconds: Double, rewards: MetricsRow.Rewards?
  ) throws(InputError) {
    guard report.step >= steps else { return }
    steps = report.step + 1
    try append(.step(.init(report, forwards: forwards, seconds: earlierSeconds + seconds, rewards: rewards)))
  }

  private func append(_ row: MetricsRow) throws(InputError) {
    try metrics?.append(row)
    try events?.append(row)
  }

  /// Waits until the losses and rows so far are on disk. So a kept model is never ahead of them.
  func synchronize() throws(InputError) {
    try log.synchronize()
    try metrics?.synchronize()
  }

  /// Writes the results of the run.
  func close(_ result: RunResult) throws(InputError) {
    guard let lock, var record else { return }
    guard lock.isInPlace else {
      throw InputError(
        files.folder, found: "another folder than the one that the run began in, or none",
        expected: "that one: what was written since it went is lost")
    }
    try metrics?.synchronize()
    record.end = result.end
    record.results = result.json
    try record.write(to: files.record)
  }
}
