import Foundation
import TestSupport
import Testing
import Zeroth

@testable import ZerothRecords
@testable import ZerothStrategies
@testable import ZerothSupport
@testable import ZerothTraining

/// What a run finds in its folder, and what it leaves there.
@Suite(.serialized) struct RunPlaceTests {
  private func configuration(
    _ out: String, steps: Int = 4, seed: Int = 3, epsilon: Double = 1e-3
  ) throws -> RunConfiguration {
    try RunConfiguration(
      Settings([
        "model": ["path": "imdb-opt"], "task": ["name": "sst2", "k": 4, "test": 8, "seed": 1],
        "run": [
          "optimizer": "mezo", "steps": .int(steps), "batch": 2, "seed": .int(seed), "eval-every": 50,
          "snapshot-every": 2, "out": .string(out),
        ],
        "estimator": ["epsilon": .double(epsilon)], "rule": ["learning-rate": 1e-4],
      ]))
  }

  /// A model, a snapshot or a run of somebody else is never written over.
  @Test(arguments: [
    "model/config.json", "last/model.safetensors", "snapshots/step-2.state", "metrics.jsonl", "trajectory.bin",
  ])
  func filesOfOthersStay(_ name: String) throws {
    let scratch = try Scratch()
    let path = scratch.path + "/run/" + name
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
    let run = try TrainingRun(configuration(scratch.path + "/run"))
    for error in [inputError { _ = try run.run() }, inputError { _ = try run.plan() }] {
      #expect(error?.found.hasPrefix(path) == true, "\(String(describing: error))")
    }
    #expect(FileManager.default.contents(atPath: path) == Data("mine".utf8))
    #expect(!FileManager.default.fileExists(atPath: scratch.path + "/run/run.json"))
  }

  @Test func aFileIsNoFolder() throws {
    let scratch = try Scratch()
    let file = try scratch.write(["mine"], to: "file")
    #expect(try inputError { _ = try TrainingRun(configuration(file)).plan() }?.found == "a file")
  }

  /// A disk that is full at the start leaves empty files: the run can begin there once more.
  @Test func emptyFilesAreNoRun() throws {
    let scratch = try Scratch()
    let files = RunFiles(scratch.path + "/run")
    try FileManager.default.createDirectory(atPath: files.folder, withIntermediateDirectories: true)
    for path in [files.metrics, files.trajectory] { try Data().write(to: URL(fileURLWithPath: path)) }
    #expect(try TrainingRun(configuration(files.folder)).run().steps == 4)
  }

  /// Rows that were lost are made again from the recorded losses; a snapshot does not hide them. A row in the middle
  /// cannot be made again, and its loss is said.
  @Test func lostRowsAreMadeAgain() throws {
    let scratch = try Scratch()
    let files = RunFiles(scratch.path + "/run")
    _ = try TrainingRun(configuration(files.folder, steps: 7)).run()
    func steps() throws -> [Int] {
      try Metrics.read(files.metrics).compactMap { if case .step(let row) = $0 { row.step } else { nil } }
    }
    let rows = try String(contentsOfFile: files.metrics, encoding: .utf8).split(separator: "\n")
    try (rows.prefix(3).joined(separator: "\n") + "\n").write(toFile: files.metrics, atomically: true, encoding: .utf8)
    _ = try TrainingRun(configuration(files.folder, steps: 8)).run(resuming: true)
    #expect(try steps() == Array(0..<8))
    let whole = try String(contentsOfFile: files.metrics, encoding: .utf8).split(separator: "\n")
    try (whole.filter { !$0.contains("\"step\":3,") }.joined(separator: "\n") + "\n")
      .write(toFile: files.metrics, atomically: true, encoding: .utf8)
    let error = try inputError { _ = try TrainingRun(configuration(files.folder, steps: 9)).run(resuming: true) }
    #expect(error?.found == "step 4 after 3 rows of steps", "\(String(describing: error))")
  }

  /// Seeds above 2^53 differ, although they are the same as doubles.
  @Test func seedsAreComparedWhole() throws {
    let scratch = try Scratch()
    let out = scratch.path + "/run"
    _ = try TrainingRun(configuration(out, seed: 9_007_199_254_740_993)).run()
    let error = try inputError {
      _ = try TrainingRun(configuration(out, steps: 6, seed: 9_007_199_254_740_992)).run(resuming: true)
    }
    #expect(error?.subject.hasSuffix("run.seed") == true && error?.found == "9007199254740993")
  }

  /// A run whose steps were skipped says so at its end.
  @Test func skippedStepsAreSaid() throws {
    let scratch = try Scratch()
    let result = try TrainingRun(configuration(scratch.path + "/run", epsilon: 3e38)).run()
    #expect(result.skipped == 4 && result.end.hasSuffix("4 of them were skipped, as a loss was not finite"))
  }
}
