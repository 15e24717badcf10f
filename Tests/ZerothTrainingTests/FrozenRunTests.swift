import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothModels
import ZerothRecords
import ZerothResources

@testable import ZerothStrategies
@testable import ZerothSupport
@testable import ZerothTraining

/// Whole runs on matrices that are never written.
@Suite(.serialized) struct FrozenRunTests {
  func configuration(
    _ optimizer: String, out: String?, steps: Int = 12, model: [String: OptionValue] = [:],
    more: [String: [String: OptionValue]] = [:]
  ) throws -> RunConfiguration {
    var settings: [String: [String: OptionValue]] = [
      "model": ["path": "imdb-opt", "storage": "frozen"], "task": ["name": "sst2", "k": 8, "test": 20],
      "run": [
        "optimizer": .string(optimizer), "steps": .int(steps), "batch": 4, "seed": 3, "eval-every": .int(steps / 3),
      ],
      "estimator": ["interval": 4],
    ]
    settings["model"]?.merge(model) { $1 }
    if let out { settings["run"]?["out"] = .string(out) }
    for (table, values) in more { settings[table, default: [:]].merge(values) { $1 } }
    return try RunConfiguration(Settings(settings), Registry.withPlugins())
  }

  func losses(of folder: String) throws -> [Double] {
    try Metrics.read(RunFiles(folder).metrics).compactMap {
      if case .step(let row) = $0 { row.losses.first } else { nil }
    }
  }

  /// The law: with `delta-rank = none` a run is the one on a copy in fp32.
  @Test func followsACopyInFloats() throws {
    let scratch = try Scratch()
    let (frozen, floats) = (scratch.path + "/frozen", scratch.path + "/floats")
    for (out, model) in [(frozen, ["delta-rank": "none"]), (floats, ["storage": "float32"])]
      as [(String, [String: OptionValue])]
    {
      _ = try TrainingRun(
        configuration("lozo", out: out, steps: 200, model: model, more: ["estimator": ["interval": 50]])
      ).run()
    }
    let (a, b) = (try losses(of: frozen), try losses(of: floats))
    #expect(a.count == 200 && b.count == 200)
    #expect(
      zip(a, b).allSatisfy { abs($0 - $1) <= 1e-4 * abs($1) }, "\(zip(a, b).map { abs($0 - $1) / abs($1) }.max() ?? 1)")
    #expect(a != Array(repeating: a[0], count: 200))
  }

  static let runs: [(String, [String: OptionValue], [String: [String: OptionValue]])] = [
    ("lozo", ["delta-rank": "none"], ["rule": ["learning-rate": 1e-4]]),
    ("lozo", ["delta-rank": 3], ["rule": ["learning-rate": 1e-4]]),
    ("lozo-m", [:], ["rule": ["learning-rate": 1e-4]]),
    ("lozo", ["delta-rank": 3], ["adapter": ["name": "dizo", "interval": 3], "rule": ["learning-rate": 1e-4]]),
  ]

  /// The folder has the adapter; a replay gives it bit for bit; so does a run that was cut short and goes on.
  @Test(arguments: runs.indices) func keepsAndReplaysTheAdapter(_ i: Int) throws {
    let (optimizer, model, more) = Self.runs[i]
    let scratch = try Scratch()
    let files = RunFiles(scratch.path + "/run")
    var options = more
    options["run"] = ["keep-last": true, "snapshot-every": 5]
    let configuration = try configuration(optimizer, out: files.folder, model: model, more: options)
    let result = try TrainingRun(configuration).run()
    #expect(result.steps == 12 && result.skipped == 0)
    let delta = try #require(result.delta)
    #expect(delta.energy > 0 && (delta.compressions > 0) == (model["delta-rank"].map { $0 != "none" } ?? false))
    let record = try RunRecord.json(in: files.record)["results"]?["delta"]
    #expect(record?["discarded_energy"]?.double == delta.discarded && record?["rank"]?.integer == delta.largestRank)
    let names = ["adapter_config.json", "adapter_model.safetensors", "zeroth_factors.safetensors"]
    for folder in [files.model, files.last] {
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == names)
    }
    let replayed = try ReplayedRun(
      files.folder, modelPath: nil, out: scratch.path + "/replayed", step: 12, registry: .withPlugins())
    #expect(replayed.weights == result.weights)
    for name in names.dropFirst() {
      #expect(
        FileManager.default.contents(atPath: scratch.path + "/replayed/" + name)
          == FileManager.default.contents(atPath: files.last + "/" + name))
    }
    // What a run that is cut short leaves, from the snapshot after 10 steps and from the start.
    for snapshots in [true, false] {
      let trajectory = try #require(FileManager.default.contents(atPath: files.trajectory))
      try trajectory.dropLast(30).write(to: URL(fileURLWithPath: files.trajectory))
      if !snapshots { try FileManager.default.removeItem(atPath: files.snapshots) }
      let resumed = try TrainingRun(configuration).run(resuming: true)
      #expect(resumed.weights == result.weights && resumed.best.main == result.best.main)
      #expect(resumed.delta == result.delta)
    }
    // The adapter gives the scores of the best model.
    let setup = try TaskSetup(
      modelPath: "imdb-opt", task: .sst2, size: .perClass(8), testCount: 20, seed: 3,
      tuning: .adapter(PEFTAdapter(directory: files.model)))
    #expect(try setup.evaluate(.test, at: setup.model.loadFrozenParameters()).scores.main == result.best.main)
  }

  /// Training goes on from what was trained.
  @Test func goesOnFromFactors() throws {
    let scratch = try Scratch()
    let first = RunFiles(scratch.path + "/first")
    let rule: [String: [String: OptionValue]] = ["rule": ["learning-rate": 1e-4], "run": ["keep-last": true]]
    _ = try TrainingRun(configuration("lozo", out: first.folder, more: rule)).run()
    let second = RunFiles(scratch.path + "/second")
    var more = rule
    more["tuning"] = ["peft": .string(first.last)]
    let result = try TrainingRun(configuration("lozo", out: second.folder, more: more)).run()
    let replayed = try ReplayedRun(
      second.folder, modelPath: nil, out: scratch.path + "/again", step: 12, registry: .withPlugins())
    #expect(replayed.weights == result.weights)
    #expect(try #require(result.delta).largestRank > 8, "the first run's factors are among them")
  }

  /// Without a folder the best model is kept in memory.
  @Test func runsWithoutAFolder() throws {
    let result = try TrainingRun(configuration("lozo", out: nil, more: ["rule": ["learning-rate": 1e-4]])).run()
    #expect(result.steps == 12 && result.delta != nil)
  }

  @Test func aBaseThatChangesIsFound() throws {
    let scratch = try Scratch()
    let model = scratch.path + "/model"
    try FileManager.default.copyItem(atPath: Embedded.model(), toPath: model)
    let run = try TrainingRun(configuration("lozo", out: nil, model: ["path": .string(model)]))
    let file = model + "/model.safetensors"
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file)
    let handle = try #require(FileHandle(forWritingAtPath: file))
    try handle.seekToEnd()
    try handle.seek(toOffset: try handle.offset() - 4)
    try handle.write(contentsOf: Data([1, 2, 3, 4]))
    try handle.close()
    let error = inputError { _ = try run.run() }
    #expect(error?.found == "a file that was written while it was in use", "\(String(describing: error))")
  }

  static let refused: [(String, [String: OptionValue], [String: [String: OptionValue]], String)] = [
    ("mezo", [:], [:], "have no factors"),
    ("lozo", [:], ["rule": ["name": "momentum", "learning-rate": 1e-4]], "Momentum, whose updates have no factors"),
    ("lozo", [:], ["rule": ["weight-decay": 0.1]], "a weight decay of 0.1"),
    ("lozo", [:], ["tuning": ["method": "lora"]], "with the tuning 'lora'"),
    ("lozo", ["save-as": "bfloat16"], [:], "'bfloat16' with model.storage"),
    ("lozo", ["storage": "float32", "delta-rank": 4], [:], "4"),
    ("lozo", ["delta-rank": 0], [:], "0"), ("lozo", ["delta-rank": "all"], [:], "all"),
  ]

  @Test(arguments: refused.indices) func refusesInASentence(_ i: Int) throws {
    let (optimizer, model, more, says) = Self.refused[i]
    var settings: [String: [String: OptionValue]] = [
      "model": ["path": "imdb-opt", "storage": "frozen"], "task": ["name": "sst2"],
      "run": ["optimizer": .string(optimizer), "steps": 2],
    ]
    settings["model"]?.merge(model) { $1 }
    for (table, values) in more { settings[table, default: [:]].merge(values) { $1 } }
    let error = inputError { _ = try RunConfiguration(Settings(settings), Registry.withPlugins()) }
    #expect(error?.found.contains(says) == true, "\(error.map { "\($0)" } ?? "no error")")
  }
}
