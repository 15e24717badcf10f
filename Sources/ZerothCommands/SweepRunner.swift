import Foundation
import ZerothRecords
import ZerothReport
import ZerothSupport
import ZerothTraining

/// Makes the runs of a sweep. Each run has a process of its own, so that a run that fails does not end the others.
final class SweepRunner {
  private let runs: [SweepPlan.Run]
  private let folder: SweepFolder
  private let jobs: Int
  /// Options that every process is started with, such as plugins.
  private let arguments: [String]
  private let progress: ProgressLine
  private var queue: [SweepPlan.Run] = []
  private var running: [RunningRun] = []
  /// The number of runs that are over, and the number of steps of those runs.
  private var over = 0
  private var doneSteps = 0
  /// The process of an earlier sweep ends only after its step and may still hold a run's folder. Until this time a run
  /// waits for it.
  private var deadline = ContinuousClock.now + .seconds(60)

  /// A runner of `runs` that makes `jobs` of them at a time.
  init(_ runs: [SweepPlan.Run], in folder: SweepFolder, jobs: Int, arguments: [String], progress: ProgressLine) {
    self.runs = runs
    self.folder = folder
    self.jobs = jobs
    self.arguments = arguments
    self.progress = progress
  }

  /// Makes all runs that are not over yet. Returns the signal that stopped the sweep early; nil if all runs were made.
  func run() throws -> Int32? {
    for run in runs {
      if try folder.record(of: run).isFinished {
        over += 1
        doneSteps += run.steps
      } else {
        queue.append(run)
      }
    }
    if over > 0 { progress.print("\(over) of \(runs.count) runs are done already") }
    let halfDone = queue.reduce(0) { $0 + RunningRun.stepsDone(RunFiles(folder.folder(of: $1))) }
    progress.begin(after: doneSteps + halfDone)
    var signal: Int32?
    while true {
      try reap()
      if signal == nil, let request = Interruption.request {
        signal = request
        for run in running { run.process.interrupt() }
      }
      if signal == nil { try start() }
      if running.isEmpty, queue.isEmpty || signal != nil { break }
      show()
      usleep(50_000)
    }
    progress.finish()
    return signal
  }

  /// Starts runs until `jobs` of them are running.
  private func start() throws {
    while running.count < jobs {
      let isLate = ContinuousClock.now > deadline
      guard let index = queue.firstIndex(where: { isLate || folder.isFree($0) }) else { return }
      let run = queue.remove(at: index)
      let files = RunFiles(folder.folder(of: run))
      let isBegun = FileManager.default.fileExists(atPath: files.record)
      let threads = max(1, RunSettings.availableThreads / jobs)
      let process = try ChildProcess(
        ["train", "--out", files.folder] + (isBegun ? ["--resume"] : ["--config", folder.configuration(of: run)])
          + (run.settings["run", "threads"] == nil ? ["--threads", "\(threads)"] : []) + arguments,
        output: files.output)
      running.append(RunningRun(run, process, files))
    }
  }

  /// Records the runs whose processes have ended.
  private func reap() throws {
    for run in running {
      guard let end = run.process.end() else { continue }
      running.removeAll { $0 === run }
      let record = try folder.record(of: run.run)
      let failure = record.isFinished ? nil : run.failure(end)
      // A run that was told to end has not failed. It can be resumed later.
      if record.isFinished || failure != nil {
        over += 1
        doneSteps += run.run.steps
        try folder.note(run.run, failure: failure)
        progress.print("\(over)/\(runs.count) \(run.run.name): \(failure ?? record.words)")
      }
    }
  }

  private func show() {
    for run in running { run.look() }
    let done = doneSteps + running.reduce(0) { $0 + $1.steps }
    progress.update(
      done, label: "\(over)/\(runs.count) runs", loss: running.first?.loss, curve: running.first?.curve)
  }
}

/// A run whose process is running.
private final class RunningRun {
  let run: SweepPlan.Run
  let process: ChildProcess
  private let files: RunFiles
  private(set) var steps = 0
  private(set) var loss: Double?
  private(set) var curve: LossCurve
  private var seen: Int?

  init(_ run: SweepPlan.Run, _ process: ChildProcess, _ files: RunFiles) {
    self.run = run
    self.process = process
    self.files = files
    curve = LossCurve(total: run.steps)
  }

  /// Reads from the metrics how far the run is.
  func look() {
    let size = Self.size(files.metrics)
    guard size != seen else { return }
    seen = size
    guard let step = Self.lastStep(files) else { return }
    steps = step.step + 1
    loss = step.losses.reduce(0, +) / Double(max(1, step.losses.count))
    if let loss { curve.add(loss, after: steps) }
  }

  /// Why the run failed: the last line of its output. Nil if a signal asked it to end.
  func failure(_ end: ChildProcess.End) -> String? {
    switch end {
    case .exited(let status) where status > 128: nil
    case .exited(let status):
      lastLine.map { "\($0)" } ?? "its process ended with status \(status) and no word"
    case .killed(let signal): "its process was killed by signal \(signal)"
    }
  }

  private var lastLine: String? {
    let data = Self.tail(files.output)
    return String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline).last
      .map { String($0).printable(limit: 400) }
  }

  /// The number of steps recorded in a run's folder.
  static func stepsDone(_ files: RunFiles) -> Int { lastStep(files).map { $0.step + 1 } ?? 0 }

  /// The last recorded step. A line that is still being written does not count.
  private static func lastStep(_ files: RunFiles) -> MetricsRow.Step? {
    for line in tail(files.metrics).split(separator: UInt8(ascii: "\n")).reversed() {
      if let json = try? JSON(parsing: line, subject: ""), json["kind"] == "step",
        case .step(let step)? = try? MetricsRow(json, subject: "")
      {
        return step
      }
    }
    return nil
  }

  private static func size(_ path: String) -> Int? {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : nil
  }

  /// The last 16 kB of a file.
  private static func tail(_ path: String) -> Data {
    guard let file = FileHandle(forReadingAtPath: path) else { return Data() }
    defer { try? file.close() }
    let size = (try? file.seekToEnd()) ?? 0
    try? file.seek(toOffset: size > 16384 ? size - 16384 : 0)
    return (try? file.readToEnd()) ?? Data()
  }
}

extension RecordedRun {
  /// The result of the run in a few words.
  fileprivate var words: String {
    let scores = [("dev", "best_dev"), ("test", "best")].compactMap { name, key in
      score(key).map { "\(name) \(unit.text($0))" }
    }
    let seconds = results["seconds"]?.double.map(Human.seconds)
    return (scores + [seconds].compactMap(\.self) + (state == .complete ? [] : [stateWords])).joined(separator: ", ")
  }
}
