import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothModels
import ZerothResources

@testable import ZerothRecords
@testable import ZerothStrategies
@testable import ZerothSupport
@testable import ZerothTraining

/// Whole runs that train LoRA, prefixes and biases, of a few steps on the embedded model.
@Suite(.serialized) struct TuningRunTests {
  func configuration(
    _ optimizer: String, out: String?, steps: Int = 6, more: [String: [String: OptionValue]] = [:]
  ) throws -> RunConfiguration {
    var settings: [String: [String: OptionValue]] = [
      "model": ["path": "imdb-opt"], "task": ["name": "sst2", "k": 8, "test": 20],
      "run": ["optimizer": .string(optimizer), "steps": .int(steps), "batch": 4, "seed": 3, "eval-every": 2],
    ]
    if let out { settings["run"]?["out"] = .string(out) }
    for (table, values) in more { settings[table, default: [:]].merge(values) { $1 } }
    return try RunConfiguration(Settings(settings), Registry.withPlugins())
  }

  @discardableResult
  func train(_ configuration: RunConfiguration, resuming: Bool = false) throws -> RunResult {
    try TrainingRun(configuration).run(resuming: resuming)
  }

  func bytes(_ path: String) throws -> Data { try #require(FileManager.default.contents(atPath: path)) }

  static let large: [String: OptionValue] = ["learning-rate": 0.01]
  static let runs: [(String, [String: [String: OptionValue]])] = [
    ("mezo-lora", ["rule": large]), ("lozo-lora", ["estimator": ["interval": 2], "rule": large]),
    ("dizo-lora", ["adapter": ["interval": 2], "rule": large]), ("hizoo-lora", ["rule": large]),
    ("mezo-prefix", ["rule": large]),
    ("lozo-m", ["tuning": ["method": "lora", "target-modules": "all-linear", "rank": 2], "rule": large]),
    (
      "mezo", ["tuning": ["method": "lora", "modules-to-save": "final_layer_norm"], "model": ["storage": "as-stored"]]
    ),
  ]

  /// The folder of a run keeps the adapter alone; a replay gives it bit for bit; a resume writes nothing that is there.
  @Test(arguments: runs.indices) func keepsAndReplaysTheAdapter(_ i: Int) throws {
    let (optimizer, more) = Self.runs[i]
    let scratch = try Scratch()
    let files = RunFiles(scratch.path + "/run")
    let configuration = try configuration(optimizer, out: files.folder, more: more)
    let result = try train(configuration)
    #expect(result.steps == 6 && result.skipped == 0)
    let names = try FileManager.default.contentsOfDirectory(atPath: files.model)
    #expect(Set(names) == ["adapter_config.json", "adapter_model.safetensors"])
    let weights = files.model + "/adapter_model.safetensors"

    let out = scratch.path + "/replayed"
    let replayed = try ReplayedRun(files.folder, modelPath: nil, out: out, registry: .withPlugins())
    #expect(replayed.steps == result.bestStep)
    #expect(try bytes(out + "/adapter_model.safetensors") == bytes(weights))
    let last = try ReplayedRun(
      files.folder, modelPath: nil, out: scratch.path + "/last", step: 6, registry: .withPlugins())
    #expect(last.weights == result.weights, "the hash of the last weights")

    // What a run that is cut short leaves.
    let kept = try bytes(weights)
    let written = try FileManager.default.attributesOfItem(atPath: weights)[.systemFileNumber] as? Int
    try (try bytes(files.trajectory).dropLast(30)).write(to: URL(fileURLWithPath: files.trajectory))
    try train(configuration, resuming: true)
    #expect(try bytes(weights) == kept)
    #expect(try FileManager.default.attributesOfItem(atPath: weights)[.systemFileNumber] as? Int == written)

    // The adapter gives the scores of the best model.
    let setup = try TaskSetup(
      modelPath: "imdb-opt", task: .sst2, size: .perClass(8), testCount: 20, seed: 3,
      tuning: .adapter(PEFTAdapter(directory: files.model)))
    #expect(try setup.evaluate(.test, at: setup.model.loadFrozenParameters()).scores.main == result.best.main)
  }

  @Test func theFirstAdapterHasBZero() throws {
    let scratch = try Scratch()
    let files = RunFiles(scratch.path + "/run")
    // Steps of no length: the best model is the one before the first.
    try train(configuration("mezo-lora", out: files.folder, steps: 2, more: ["rule": ["learning-rate": 0.0]]))
    let file = try SafetensorsFile(path: files.model + "/adapter_model.safetensors")
    #expect(file.names.count == 2 * 2 * 4, "A and B of query and value in four layers")
    for name in file.names {
      let count = try file.info(name).elementCount
      var values = [Float](repeating: 1, count: count)
      try values.withUnsafeMutableBufferPointer { try file.read(name, into: $0) }
      #expect(values.allSatisfy { $0 == 0 } == name.contains("lora_B"))
    }
  }

  /// Training goes on from an adapter's files, wherever they lie when it is replayed.
  @Test func goesOnFromAnAdapter() throws {
    let scratch = try Scratch()
    let first = RunFiles(scratch.path + "/first")
    try train(configuration("mezo-lora", out: first.folder, more: ["rule": Self.large]))
    let second = RunFiles(scratch.path + "/second")
    let configuration = try configuration(
      "dizo-lora", out: second.folder,
      more: ["tuning": ["peft": .string(first.model)], "rule": Self.large, "adapter": ["interval": 2]])
    #expect(configuration.adapterBlocks?.description == "query-a,query-b,value-a,value-b")
    let result = try train(configuration)
    let moved = scratch.path + "/moved"
    try FileManager.default.moveItem(atPath: first.model, toPath: moved)
    let replayed = try ReplayedRun(
      second.folder, modelPath: nil, peft: moved, out: scratch.path + "/again", step: 6, registry: .withPlugins())
    #expect(replayed.weights == result.weights)
    let none = inputError {
      _ = try ReplayedRun(
        first.folder, modelPath: nil, peft: moved, out: scratch.path + "/none", registry: .withPlugins())
    }
    #expect(none?.subject == "--peft")
  }

  @Test func bitfitTrainsBiasesAndNormsAlone() throws {
    let scratch = try Scratch()
    let files = RunFiles(scratch.path + "/run")
    let result = try train(
      configuration("mezo", out: files.folder, more: ["tuning": ["method": "bitfit"], "rule": Self.large]))
    _ = try ReplayedRun(files.folder, modelPath: nil, out: scratch.path + "/last", step: 6, registry: .withPlugins())
    let base = try CausalModel(directory: Embedded.model()).loadParameters()
    let tuned = try CausalModel(directory: scratch.path + "/last").loadParameters()
    for block in base.layout.blocks {
      let isMoved = base.values(of: block) != tuned.values(of: block)
      #expect(isMoved == (block.role == .bias || block.role == .norm), "\(block.name)")
    }
    #expect(result.steps == 6)
  }

  /// DiZO works on A and B where LoRA is trained, on keys and values of prefixes.
  @Test func adaptersTakeTheTunedBlocksByDefault() throws {
    func blocks(_ method: String, _ adapter: [String: OptionValue]) throws -> String? {
      try configuration("dizo", out: nil, more: ["tuning": ["method": .string(method)], "adapter": adapter])
        .adapterBlocks?.description
    }
    #expect(try blocks("full", [:]) == "query,value")
    #expect(try blocks("lora", [:]) == "query-a,query-b,value-a,value-b")
    #expect(try blocks("lora", ["preset": "released"]) == "key-a,key-b,value-a,value-b")
    #expect(try blocks("prefix", [:]) == "prefix-key,prefix-value")
    #expect(try blocks("lora", ["name": "previous-iterate"]) == "query-a,query-b,value-a,value-b")
  }

  static let refused: [([String: [String: OptionValue]], String)] = [
    (["tuning": ["method": "dora"]], "tuning"), (["tuning": ["method": "lora", "rank": 0]], "rank"),
    (["tuning": ["rank": 4]], "rank"), (["tuning": ["method": "prefix", "rank": 4]], "rank"),
    (["tuning": ["method": "lora", "layers": "3-1"]], "tuning.layers"),
    (["tuning": ["method": "lora", "rank-pattern": "q_proj=4"]], "tuning.rank-pattern"),
    (["tuning": ["method": "lora", "alpha-pattern": "{\"q_proj\": -1}"]], "tuning.alpha-pattern"),
    (["tuning": ["method": "lora", "target-modules": "q_proj,,v_proj"]], "tuning.target-modules"),
    (["tuning": ["method": "lora", "target-modules": "q_proj", "blocks": "value"]], "blocks"),
    (["tuning": ["peft": "/nowhere"]], "/nowhere"),
    (["tuning": ["peft": "/nowhere", "method": "lora"]], "method"),
  ]

  @Test(arguments: refused.indices) func refusesByName(_ i: Int) throws {
    let (more, named) = Self.refused[i]
    let error = inputError { _ = try configuration("mezo", out: nil, more: more) }
    #expect(error?.subject.contains(named) == true, "\(error.map { "\($0)" } ?? "no error")")
  }

  @Test func theRankOfADirectionIsCutAndSaid() throws {
    let configuration = try configuration(
      "lozo", out: nil, more: ["tuning": ["method": "lora", "rank": 2], "estimator": ["rank": 4]])
    let setup = try TaskSetup(configuration)
    let theta = try setup.model.loadParameters()
    let notes = try configuration.makeOptimizer().notes(in: theta.layout)
    #expect(notes.count == 1 && notes[0].hasPrefix("estimator: rank 4 is cut to 2"))
    #expect(try train(configuration).steps == 6)
  }
}
