import Foundation
import ZerothDistributed
import ZerothRecords
import ZerothReport
import ZerothSupport
import ZerothTraining

/// The folder of a sweep: the plan, and a folder for each run.
final class SweepFolder {
  let path: String
  private let plan: SweepPlan
  /// The lock on the folder. Nil where another process of the job holds it and this process makes some of the runs.
  private let lock: FolderLock?
  /// The reasons why runs failed, by the name of the run.
  private var failures: [String: String] = [:]

  /// Opens the folder at `path` and writes the plan into it. The folder is new, or holds runs of this sweep.
  ///
  /// Throws an `InputError` where another process writes to the folder, and where it holds a run of the same name with
  /// another configuration.
  init(_ path: String, _ plan: SweepPlan, text: String) throws(InputError) {
    self.path = path
    self.plan = plan
    guard !FileManager.default.fileExists(atPath: RunFiles(path).record) else {
      throw InputError("--out '\(path)'", found: "the folder of a run", expected: "a new folder, or that of this sweep")
    }
    if !FileManager.default.fileExists(atPath: path.appendingFile(RecordedRuns.sweepFile)),
      let found = FileManager.default.contents(atPath: path.appendingFile("sweep.toml")), found != Data(text.utf8)
    {
      throw InputError(
        "--out '\(path)'", found: "\(path.appendingFile("sweep.toml")), which no sweep has written",
        expected: "a new folder, or that of this sweep")
    }
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw InputError("--out '\(path)'", found: "a folder that cannot be made", expected: "a place to write to")
    }
    lock = try FolderLock(path)
    for run in plan.runs { try Self.requireSame(configuration(of: run), run.settings.toml) }
    for run in plan.runs {
      do {
        try FileManager.default.createDirectory(atPath: folder(of: run), withIntermediateDirectories: true)
      } catch {
        throw InputError(folder(of: run), found: "a folder that cannot be made", expected: "a place to write to")
      }
      try AtomicFile.write(run.settings.toml, to: configuration(of: run))
    }
    try AtomicFile.write(text, to: path.appendingFile("sweep.toml"))
    try write()
  }

  /// The folder at `path`, which another process of the job has opened. This process makes some runs of `plan` in it.
  init(joining path: String, _ plan: SweepPlan) {
    self.path = path
    self.plan = plan
    lock = nil
  }

  /// Collects the failed runs of all ranks of `job`. The rank that opened the folder writes them down.
  func gatherFailures(in job: Job) throws {
    let own = JSON.object(failures.map { .init($0.key, .string($0.value)) })
    let all = job.gather(Array(own.description.utf8))
    for failed in try all.flatMap({ try JSON(parsing: Data($0), subject: "a rank's runs").members ?? [] }) {
      failures[failed.key] = failed.value.string
    }
    try job.together { if lock != nil { try write() } }
  }

  /// The path of the folder of `run`.
  func folder(of run: SweepPlan.Run) -> String { path.appendingFile(run.name) }

  /// The path of the configuration with which `run` is started.
  func configuration(of run: SweepPlan.Run) -> String { folder(of: run).appendingFile("run.toml") }

  /// The record of `run`, read from its folder.
  func record(of run: SweepPlan.Run) throws(InputError) -> RecordedRun {
    try RecordedRun(folder(of: run), name: run.name)
  }

  /// Whether the folder of `run` is free: no process of an earlier sweep writes to it any more.
  func isFree(_ run: SweepPlan.Run) -> Bool { (try? FolderLock(folder(of: run))) != nil }

  /// Writes down why `run` failed; nil says that it has not failed.
  func note(_ run: SweepPlan.Run, failure: String?) throws(InputError) {
    guard failures[run.name] != failure else { return }
    failures[run.name] = failure
    if lock != nil { try write() }
  }

  private func write() throws(InputError) {
    try AtomicFile.write(
      plan.json(failures: failures).pretty + "\n", to: path.appendingFile(RecordedRuns.sweepFile))
  }

  /// Throws if the configuration at `path`, with which a run was begun, differs from `text`.
  private static func requireSame(_ path: String, _ text: String) throws(InputError) {
    guard let data = FileManager.default.contents(atPath: path) else { return }
    let old = String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline)
    let new = text.split(whereSeparator: \.isNewline)
    guard old != new else { return }
    func words(_ lines: [Substring], without others: [Substring]) -> String {
      lines.first { !others.contains($0) }.map { "'\(String($0).excerpt)'" } ?? "nothing beside what both have"
    }
    throw InputError(
      path, found: words(old, without: new),
      expected: "\(words(new, without: old)), as the sweep has it; or another folder for another sweep")
  }

  /// Folders in this folder that belong to no run of the sweep, such as those of values that the sweep file no longer
  /// has.
  var others: [String] {
    let known = Set(plan.runs.map(\.name))
    return ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted().filter {
      !known.contains($0) && FileManager.default.fileExists(atPath: path.appendingFile($0).appendingFile("run.toml"))
    }
  }
}
