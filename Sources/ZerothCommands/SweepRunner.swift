import Foundation
import ZerothRecords
import ZerothReport
import ZerothSupport
import ZerothTraining

/// Makes the runs of a sweep, each by a process of its own, so that one that fails takes no other with it.
final class SweepRunner {
  private let runs: [SweepPlan.Run]
  private let folder: SweepFolder
  private let jobs: Int
  /// Options for each process, such as plugins.
  private let arguments: [String]
  private let progress: ProgressLine
  private var queue: [SweepPlan.Run] = []
  private var running: [RunningRun] = []
  /// Runs that are over, and the steps of those that were done.
  private var over = 0
  private var doneSteps = 0
  /// Until when a run waits for the process of an earlier sweep, which ends after its step.
  private var deadline = ContinuousClock.now + .seconds(60)

  /// A runner of `runs`, `jobs` of them at a time.
  init(_ runs: [SweepPlan.Run], in folder: SweepFolder, jobs: Int, arguments: [String], progress: ProgressLine) {
    self.runs = runs
    self.folder = folder
    self.jobs = jobs
    self.arguments = arguments
    self.progress = progress
  }

  /// Makes all runs that are not over yet. Returns the signal that ended the sweep before; nil where all were made.
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

  /// Starts runs while there is room.
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

  /// Takes note of the runs that have ended.
  private func reap() throws {
    for run in running {
      guard let end = run.process.end() else { continue }
      running.removeAll { $0 === run }
      let record = try folder.record(of: run.run)
      let failure = record.isFinished ? nil : run.failure(end)
      // A run that was told to end is no failure, and waits.
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

/// A run that is being made.
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

  /// Looks how far it is.
  func look() {
    let size = Self.size(files.metrics)
    guard size != seen else { return }
    seen = size
    guard let step = Self.lastStep(files) else { return }
    steps = step.step + 1
    loss = step.losses.reduce(0, +) / Double(max(1, step.losses.count))
    if let loss { curve.add(loss, after: steps) }
  }

  /// Why it failed, if it did: its last line.
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

  /// The steps on record in a run's folder.
  static func stepsDone(_ files: RunFiles) -> Int { lastStep(files).map { $0.step + 1 } ?? 0 }

  /// The last step on record; a line that is being written does not count.
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
  /// What came of it, in a few words.
  fileprivate var words: String {
    let scores = [("dev", "best_dev"), ("test", "best")].compactMap { name, key in
      score(key).map { "\(name) \(unit.text($0))" }
    }
    let seconds = results["seconds"]?.double.map(Human.seconds)
    return (scores + [seconds].compactMap(\.self) + (state == .complete ? [] : [stateWords])).joined(separator: ", ")
  }
}
