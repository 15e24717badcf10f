import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothTasks

@testable import ZerothRecords
@testable import ZerothStrategies
@testable import ZerothSupport
@testable import ZerothTraining

/// Runs that go on from a snapshot, against the run that was never cut off.
@Suite(.serialized) struct SnapshotTests {
  private func configuration(
    _ optimizer: String, _ out: String, steps: Int, more: [String: [String: OptionValue]] = [:]
  ) throws -> RunConfiguration {
    var settings: [String: [String: OptionValue]] = [
      "model": ["path": "imdb-opt"], "task": ["name": "sst2", "k": 4, "test": 8],
      "run": [
        "optimizer": .string(optimizer), "steps": .int(steps), "batch": 2, "seed": 3, "eval-every": 4,
        "snapshot-every": 3, "out": .string(out),
      ],
    ]
    for (table, values) in more { settings[table, default: [:]].merge(values) { $1 } }
    return try RunConfiguration(Settings(settings), Registry.withPlugins())
  }

  /// A run's lines of progress.
  private final class Lines: @unchecked Sendable {
    var text = ""
    func progress() -> ProgressLine {
      ProgressLine(
        "run", total: 1,
        output: .init(isTerminal: false, width: 80, interval: 1e9, now: { 0 }, write: { self.text += $0 }))
    }
  }

  private func bytes(_ path: String) throws -> Data { try #require(FileManager.default.contents(atPath: path)) }

  /// The losses of each step; the trajectories differ in the steps that were planned.
  private func losses(_ files: RunFiles) throws -> [[Double]] {
    try Metrics.read(files.metrics).compactMap { if case .step(let row) = $0 { row.losses } else { nil } }
  }

  static let compositions: [(String, [String: [String: OptionValue]])] = [
    ("mezo", [:]), ("mezo-m", [:]),
    (
      "lozo-m",
      [
        "estimator": ["interval": 5, "epsilon": "cosine(1e-3, final=0.5, steps=12)"],
        "rule": ["schedule": "cosine", "schedule-steps": 12],
      ]
    ),
    ("dizo", ["adapter": ["interval": 2, "reinitialize": false]]), ("hizoo", [:]), ("sparse-mezo", [:]),
    ("zo-svrg", ["estimator": ["interval": 4, "anchor-batches": 2]]), ("mezo-adam", ["rule": ["learning-rate": 1e-4]]),
    ("lozo", ["model": ["storage": "as-stored"], "estimator": ["interval": 5]]),
  ]

  @Test(arguments: compositions)
  func goesOnBitForBit(optimizer: String, more: [String: [String: OptionValue]]) throws {
    let scratch = try Scratch()
    let (whole, cut) = (RunFiles(scratch.path + "/whole"), RunFiles(scratch.path + "/cut"))
    let expected = try TrainingRun(configuration(optimizer, whole.folder, steps: 12, more: more)).run()
    _ = try TrainingRun(configuration(optimizer, cut.folder, steps: 8, more: more)).run()
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: cut.snapshots).sorted() == ["step-3.state", "step-6.state"])

    let lines = Lines()
    let found = try TrainingRun(
      configuration(optimizer, cut.folder, steps: 12, more: more), progress: lines.progress()
    ).run(resuming: true)
    #expect(lines.text.contains("goes on from the snapshot after 6 steps"), "\(lines.text)")
    #expect(try losses(cut) == losses(whole))
    #expect(found.weights == expected.weights && found.bestWeights == expected.bestWeights)
    #expect(found.bestStep == expected.bestStep && found.forwards == expected.forwards)
    #expect(
      try bytes(cut.model + "/model.safetensors") == bytes(whole.model + "/model.safetensors"), "the best model")
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: cut.snapshots).sorted() == ["step-6.state", "step-9.state"])
  }

  /// A snapshot that is damaged, of another run or of steps that are not on record is not used, and that is said.
  @Test func otherSnapshotsAreLeftAlone() throws {
    let scratch = try Scratch()
    let whole = RunFiles(scratch.path + "/whole")
    let expected = try TrainingRun(configuration("lozo-m", whole.folder, steps: 8)).run()
    func resumed(_ name: String, _ change: (RunFiles) throws -> Void) throws -> String {
      let files = RunFiles(scratch.path + "/" + name)
      _ = try TrainingRun(configuration("lozo-m", files.folder, steps: 7)).run()
      try change(files)
      let lines = Lines()
      let found = try TrainingRun(configuration("lozo-m", files.folder, steps: 8), progress: lines.progress())
        .run(resuming: true)
      #expect(found.weights == expected.weights && found.bestStep == expected.bestStep)
      #expect(try losses(files) == losses(whole))
      return lines.text
    }
    let damaged = try resumed("damaged") { files in
      var data = try bytes(files.snapshots + "/step-6.state")
      data[data.count / 2] ^= 1
      try data.write(to: URL(fileURLWithPath: files.snapshots + "/step-6.state"))
    }
    #expect(damaged.contains("step-6.state") && damaged.contains("damaged") && damaged.contains("after 3 steps"))
    let foreign = try resumed("foreign") { files in
      let other = RunFiles(scratch.path + "/other")
      var more = ["run": ["seed": OptionValue.int(4)]]
      more["rule"] = ["learning-rate": 1e-6]
      _ = try TrainingRun(configuration("lozo-m", other.folder, steps: 7, more: more)).run()
      for step in [3, 6] {
        try bytes(other.snapshots + "/step-\(step).state").write(
          to: URL(fileURLWithPath: files.snapshots + "/step-\(step).state"))
      }
    }
    #expect(foreign.contains("seed") && !foreign.contains("goes on from"))
    let ahead = try resumed("ahead") { files in
      // A machine that lost power may have a snapshot and not the steps before it.
      try bytes(files.trajectory).dropLast(24 * 3).write(to: URL(fileURLWithPath: files.trajectory))
    }
    #expect(ahead.contains("goes on from the snapshot after 3 steps"))
    let none = try resumed("none") { try FileManager.default.removeItem(atPath: $0.snapshots) }
    #expect(!none.contains("goes on from"))
  }

  /// What may change when a run goes on, and what is refused by name.
  @Test func stepsThatASchedulesFollows() throws {
    let scratch = try Scratch()
    func resumed(_ name: String, _ more: [String: [String: OptionValue]], _ given: [String]) throws -> RunConfiguration
    {
      let out = scratch.path + "/" + name
      if !FileManager.default.fileExists(atPath: out) {
        _ = try TrainingRun(configuration("mezo", out, steps: 2, more: more)).run()
      }
      var settings = try Settings(["run": ["out": .string(out)]])
      for text in given { try settings.set(text) }
      return try RunConfiguration(.resumed(with: settings, Registry.withPlugins()), Registry.withPlugins())
    }
    #expect(try resumed("constant", [:], ["run.steps=5", "run.threads=1"]).steps == 5)
    let cosine: [String: [String: OptionValue]] = ["rule": ["schedule": "cosine"]]
    let refused = inputError { _ = try resumed("cosine", cosine, ["run.steps=5"]) }
    #expect(refused?.found.contains("rule.schedule-steps") == true)
    #expect(try resumed("cosine", cosine, ["run.steps=5", "rule.schedule-steps=2"]).steps == 5)
    let own: [String: [String: OptionValue]] = ["rule": ["schedule": "linear", "schedule-steps": 9]]
    #expect(try resumed("own", own, ["run.steps=5"]).steps == 5)
    let epsilon: [String: [String: OptionValue]] = ["estimator": ["epsilon": "linear(1e-3, final=0.5)"]]
    #expect(
      inputError { _ = try resumed("epsilon", epsilon, ["run.steps=5"]) }?.found.contains("estimator.epsilon") == true)
  }
}
