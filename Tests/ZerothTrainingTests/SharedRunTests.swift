import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothDistributed
import ZerothResources

@testable import ZerothRecords
@testable import ZerothStrategies
@testable import ZerothSupport
@testable import ZerothTraining

/// Whole runs that several ranks make together, here the threads of one process.
@Suite(.serialized) struct SharedRunTests {
  static let base: [String: [String: OptionValue]] = [
    "model": ["path": "imdb-opt"], "task": ["name": "sst2", "k": 6, "test": 14],
    "run": ["steps": 4, "batch": 5, "seed": 3, "eval-every": 2, "shards": 4, "threads": 1],
  ]

  static func configuration(
    _ more: [String: [String: OptionValue]], out: String?, steps: Int = 4
  ) throws -> RunConfiguration {
    var settings = base
    for (table, values) in more { settings[table, default: [:]].merge(values) { $1 } }
    settings["run"]?["steps"] = .int(steps)
    if let out { settings["run"]?["out"] = .string(out) }
    return try RunConfiguration(Settings(settings), Registry.withPlugins())
  }

  /// What each of `ranks` ranks ends with.
  @discardableResult
  func train(
    _ ranks: Int, _ more: [String: [String: OptionValue]], out: String?, steps: Int = 4, resuming: Bool = false,
    request: @escaping @Sendable (_ rank: Int) -> Int32? = { _ in nil }
  ) throws -> [RunResult] {
    try ThreadRanks.run(ranks) { communicator in
      let job = Job(communicator, host: "host\(communicator.rank)", request: { request(communicator.rank) })
      return try TrainingRun(Self.configuration(more, out: out, steps: steps), job: job).run(resuming: resuming)
    }.map { try $0.get() }
  }

  func bytes(_ path: String) throws -> Data { try #require(FileManager.default.contents(atPath: path), "\(path)") }

  /// Everything that a run's folder says, times and ranks aside.
  func content(_ files: RunFiles) throws -> [String] {
    var rows: [String] = []
    for row in try Metrics.read(files.metrics) {
      guard case .step(var step) = row else {
        rows.append("\(row.json)")
        continue
      }
      step.seconds = 0
      rows.append("\(MetricsRow.step(step).json)")
    }
    let results = try RunRecord.json(in: files.record)["results"]?.members ?? []
    let measured: Set = ["seconds", "peak_memory_bytes", "ranks"]
    return rows + results.filter { !measured.contains($0.key) }.map { "\($0.key) \($0.value)" }
  }

  /// All presets, in few steps; LoRA and prefixes are among them.
  static let presets = (try? Registry.withPlugins().descriptions(of: .optimizer).map(\.name)) ?? []

  @Test func thereArePresets() { #expect(Self.presets.count >= 25) }

  /// The law: the trajectory, the weights and all that is written are the same for any number of ranks.
  @Test(arguments: presets) func anyNumberOfRanksMakesTheSameRun(preset: String) throws {
    let scratch = try Scratch()
    var more: [String: [String: OptionValue]] = [
      "run": ["optimizer": .string(preset), "snapshot-every": 0], "rule": ["learning-rate": 1e-5],
    ]
    if preset == "cge" { more["estimator"] = ["coordinates": 3] }
    let alone = RunFiles(scratch.path + "/1")
    let first = try train(1, more, out: alone.folder)[0]
    for ranks in [2, 3, 4] {
      let files = RunFiles(scratch.path + "/\(ranks)")
      let results = try train(ranks, more, out: files.folder)
      #expect(try bytes(files.trajectory) == bytes(alone.trajectory), "\(ranks) ranks")
      #expect(results.allSatisfy { $0.weights == first.weights && $0.best == first.best && $0.final == first.final })
      #expect(try content(files) == content(alone), "\(ranks) ranks")
      #expect(results[0].ranks.map(\.rank) == Array(0..<ranks))
    }
  }

  static let others: [[String: [String: OptionValue]]] = [
    ["model": ["storage": "frozen"], "run": ["optimizer": "lozo"], "estimator": ["interval": 2]],
    ["run": ["optimizer": "mezo"], "estimator": ["queries": 6, "sides": "one-sided"]],
    ["run": ["optimizer": "lozo", "diagnose-every": 2]],
    ["run": ["optimizer": "mezo"], "task": ["objective": "language-modeling"]],
    ["run": ["optimizer": "mezo"], "estimator": ["name": "median"]],
    ["run": ["optimizer": "mezo", "shards": 2]],
    ["run": ["optimizer": "mezo", "shards": 16]],
  ]

  @Test(arguments: others.indices) func andOfOtherKinds(_ i: Int) throws {
    let scratch = try Scratch()
    let alone = RunFiles(scratch.path + "/1")
    let first = try train(1, Self.others[i], out: alone.folder)[0]
    for ranks in [2, 3] {
      let files = RunFiles(scratch.path + "/\(ranks)")
      let results = try train(ranks, Self.others[i], out: files.folder)
      #expect(try bytes(files.trajectory) == bytes(alone.trajectory), "\(ranks) ranks")
      #expect(results.allSatisfy { $0.weights == first.weights })
      #expect(try content(files) == content(alone), "\(ranks) ranks")
    }
  }

  @Test func withoutAFolderTheResultsAreTheSame() throws {
    let more: [String: [String: OptionValue]] = ["run": ["optimizer": "lozo"]]
    let scratch = try Scratch()
    let recorded = try train(1, more, out: scratch.path + "/run")[0]
    for result in try train(3, more, out: nil) {
      #expect(result.best == recorded.best && result.final == recorded.final && result.bestDev == recorded.bestDev)
    }
  }

  /// One shard is the run that it was before there were any.
  @Test func oneShardIsARunByItself() throws {
    let scratch = try Scratch()
    let (plain, shared) = (RunFiles(scratch.path + "/plain"), RunFiles(scratch.path + "/shared"))
    let more: [String: [String: OptionValue]] = ["run": ["optimizer": "lozo-m", "shards": 1]]
    _ = try TrainingRun(Self.configuration(more, out: plain.folder)).run()
    try train(2, more, out: shared.folder)
    #expect(try bytes(shared.trajectory) == bytes(plain.trajectory))
    #expect(try content(shared) == content(plain))
  }

  /// Shards change losses by rounding, and a run of others is not resumed.
  @Test func shardsAreOfTheRun() throws {
    let scratch = try Scratch()
    let more: [String: [String: OptionValue]] = ["run": ["optimizer": "mezo"]]
    let files = RunFiles(scratch.path + "/run")
    try train(1, more, out: files.folder, steps: 2)
    #expect(try Trajectory(file: files.trajectory).header.shards == 4)
    let other = try Self.configuration(["run": ["optimizer": "mezo", "shards": 2]], out: files.folder)
    #expect(inputError { _ = try TrainingRun(other).run(resuming: true) }?.subject == "\(files.trajectory): shards")
    let plain = RunFiles(scratch.path + "/plain")
    _ = try TrainingRun(
      Self.configuration(["run": ["optimizer": "mezo", "shards": 1]], out: plain.folder, steps: 2)
    ).run()
    let (a, b) = (try Metrics.read(files.metrics), try Metrics.read(plain.metrics))
    func losses(_ rows: [MetricsRow]) -> [Double] {
      rows.flatMap { row -> [Double] in if case .step(let step) = row { step.losses } else { [] } }
    }
    // A product in fp32 of 5 rows rounds otherwise than that of 1 or 2.
    #expect(zip(losses(a), losses(b)).allSatisfy { abs($0 - $1) <= 1e-4 })
    #expect(losses(a).count == 4)
  }

  /// A run that was cut goes on with another number of ranks, from its snapshot or its start, to the same bytes.
  @Test(arguments: [(2, 3), (3, 1), (1, 4)], [0, 3]) func anotherNumberOfRanksGoesOn(
    ranks: (Int, Int), snapshots: Int
  ) throws {
    let scratch = try Scratch()
    let (whole, cut) = (RunFiles(scratch.path + "/whole"), RunFiles(scratch.path + "/cut"))
    let more: [String: [String: OptionValue]] = [
      "run": ["optimizer": "lozo-m", "snapshot-every": .int(snapshots), "diagnose-every": 4, "samples": 2],
      "estimator": ["interval": 2],
    ]
    let expected = try train(2, more, out: whole.folder, steps: 8)
    try train(ranks.0, more, out: cut.folder, steps: 8)
    let trajectory = try bytes(cut.trajectory)
    try trajectory.dropLast(60).write(to: URL(fileURLWithPath: cut.trajectory))
    let results = try train(ranks.1, more, out: cut.folder, steps: 8, resuming: true)
    #expect(try bytes(cut.trajectory) == bytes(whole.trajectory))
    #expect(try content(cut) == content(whole))
    #expect(results.allSatisfy { $0.weights == expected[0].weights })
    #expect(
      try bytes(cut.model + "/model.safetensors") == bytes(whole.model + "/model.safetensors"), "the best model too")
    let out = scratch.path + "/replayed"
    let replayed = try ReplayedRun(cut.folder, modelPath: nil, out: out, step: 8, registry: .withPlugins())
    #expect(replayed.weights == expected[0].weights)
  }

  /// A signal that one rank alone gets ends all after the same step, with the records closed.
  @Test func aSignalOfOneRankEndsTheRun() throws {
    let scratch = try Scratch()
    let files = RunFiles(scratch.path + "/run")
    let more: [String: [String: OptionValue]] = ["run": ["optimizer": "mezo"]]
    let results = try train(3, more, out: files.folder, steps: 50, request: { $0 == 2 ? SIGTERM : nil })
    #expect(results.allSatisfy { $0.outcome == .interrupted(signal: SIGTERM) && $0.steps == 1 })
    #expect(try RunRecord.json(in: files.record)["end"]?.string?.contains("interrupted") == true)
    let resumed = try train(2, more, out: files.folder, steps: 6, resuming: true)
    try train(1, more, out: scratch.path + "/whole", steps: 6)
    #expect(try bytes(files.trajectory) != bytes(scratch.path + "/whole/trajectory.bin"), "it was planned for 50 steps")
    #expect(
      try recordedLosses(files.trajectory) == recordedLosses(scratch.path + "/whole/trajectory.bin"))
    #expect(resumed[0].outcome == .complete)
  }

  /// A rank with another seed, other data or another model is refused by all, by name, and nothing is written.
  @Test func aRankOfAnotherRunIsRefused() throws {
    let scratch = try Scratch()
    let model = scratch.path + "/model"
    try FileManager.default.copyItem(atPath: Embedded.model(), toPath: model)
    let config = try String(contentsOfFile: model + "/config.json", encoding: .utf8)
    try config.replacingOccurrences(of: "\"relu\"", with: "\"gelu\"").write(
      toFile: model + "/config.json", atomically: true, encoding: .utf8)
    let differing: [(String, [String: [String: OptionValue]])] = [
      ("run.seed", ["run": ["optimizer": "mezo", "seed": 4]]),
      ("estimator.epsilon", ["run": ["optimizer": "mezo"], "estimator": ["epsilon": 0.5]]),
      ("shards", ["run": ["optimizer": "mezo", "shards": 2]]),
      ("input 'configuration'", ["run": ["optimizer": "mezo"], "model": ["path": .string(model)]]),
      ("task.k", ["run": ["optimizer": "mezo"], "task": ["k": 5]]),
    ]
    for (name, other) in differing {
      let files = RunFiles(scratch.path + "/run")
      let errors = ThreadRanks.run(3) { communicator in
        inputError {
          let more = communicator.rank == 1 ? other : ["run": ["optimizer": "mezo"]]
          _ = try TrainingRun(
            Self.configuration(more, out: files.folder), job: Job(communicator, host: "host\(communicator.rank)")
          ).run()
        }
      }
      for error in errors { #expect(try error.get()?.subject == "rank 1 (host1): \(name)") }
      #expect(!FileManager.default.fileExists(atPath: files.folder))
    }
  }

  /// A folder that rank 0 cannot use is an error of every rank.
  @Test func anErrorOfRankZeroEndsAll() throws {
    let scratch = try Scratch()
    let more: [String: [String: OptionValue]] = ["run": ["optimizer": "mezo"]]
    let out = scratch.path + "/run"
    try train(1, more, out: out)
    let results = ThreadRanks.run(2) { communicator in
      inputError { _ = try TrainingRun(Self.configuration(more, out: out), job: Job(communicator)).run() }
    }
    for result in results { #expect(try result.get()?.subject == "run.out '\(out)'") }
  }
}
