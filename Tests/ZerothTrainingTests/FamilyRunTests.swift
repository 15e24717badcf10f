import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothModels
import ZerothTasks

@testable import ZerothRecords
@testable import ZerothStrategies
@testable import ZerothSupport
@testable import ZerothTraining

/// Every preset on every family of causal models: a run, the same run cut off and resumed, and its replay.
@Suite(.serialized) struct FamilyRunTests {
  /// Fields of small models, all of whose parts are there: fused and transposed weights, windows, limits, norms of heads.
  static let families: [(name: String, fields: String)] = [
    ("opt", #""hidden_size": 16, "ffn_dim": 24, "num_attention_heads": 2, "word_embed_proj_dim": 16"#),
    ("llama", llama), ("qwen2", llama + #", "tie_word_embeddings": true"#), ("qwen3", llama + #", "head_dim": 6"#),
    ("mistral", llama + #", "sliding_window": 20"#), ("gemma2", gemma), ("gemma3_text", gemma),
    ("gpt2", #""n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 256, "n_inner": 24"#),
    (
      "gpt_neox",
      #""hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2, "rotary_pct": 0.5"#
    ),
    ("phi3", llama + #", "pad_token_id": 1"#),
  ]
  private static let llama =
    #""hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 4, "num_key_value_heads": 2"#
  private static let gemma = llama + #", "head_dim": 6, "sliding_window": 20, "query_pre_attn_scalar": 6"#

  @Test(arguments: families.map(\.name))
  func everyPresetTrainsResumesAndReplays(family: String) throws {
    let scratch = try Scratch()
    let model = try Self.model(family, scratch)
    let registry = try Registry.withPlugins()
    let presets = registry.descriptions(of: .optimizer).map(\.name)
    #expect(presets.count >= 10)
    let setup = try TaskSetup(configuration(model, presets[0], scratch.path, registry))
    let base = try setup.model.loadParameters().contentHash()
    for preset in presets {
      let whole = RunFiles("\(scratch.path)/\(preset)")
      let result = try TrainingRun(configuration(model, preset, whole.folder, registry), setup).run()
      #expect(result.steps == 3 && result.skipped == 0 && !result.isCutShort, "\(preset)")
      #expect(result.weights != base, "\(preset) moves the weights")

      // As a kill leaves it: the last step was not written whole.
      let killed = RunFiles("\(scratch.path)/\(preset)-killed")
      try FileManager.default.copyItem(atPath: whole.folder, toPath: killed.folder)
      let trajectory = try bytes(whole.trajectory)
      try trajectory.dropLast(5).write(to: URL(fileURLWithPath: killed.trajectory))
      let resumed = try TrainingRun(configuration(model, preset, killed.folder, registry), setup).run(resuming: true)
      #expect(resumed.weights == result.weights, "\(preset) resumed")
      #expect(try bytes(killed.trajectory) == trajectory, "\(preset) resumed")

      let out = "\(scratch.path)/\(preset)-replayed"
      let replayed = try ReplayedRun(whole.folder, modelPath: nil, out: out, step: 3, registry: registry)
      #expect(replayed.weights == result.weights, "\(preset) replayed")
      let tuned = try TaskSetup(configuration(model, preset, out + "-none", registry)).model.pretrained.folder
      let saved =
        tuned.savesAdapter
        ? try tuned.loadAdapter(in: out, storage: .float32) : try loadModel(directory: out).loadParameters()
      #expect(saved.contentHash() == result.weights, "\(preset) saved")
    }
  }

  /// A folder with a random model of `family` and a tokenizer.
  static func model(_ family: String, _ scratch: Scratch) throws -> String {
    let fields = families.first { $0.name == family }?.fields ?? ""
    let configuration = """
      {"model_type": "\(family)", "vocab_size": 320, "num_hidden_layers": 2, "max_position_embeddings": 256, \(fields)}
      """
    let folder = scratch.path + "/model"
    let model = try CausalModel(configuration: ConfigurationFile(parsing: configuration, name: family))
    try model.save(model.randomParameters(StreamKey(seed: 5)), to: folder)
    try FileManager.default.copyItem(
      atPath: SharedMaterial.fixture("tokenizers/byte-level/tokenizer.json"), toPath: folder + "/tokenizer.json")
    return folder
  }

  private func configuration(
    _ model: String, _ preset: String, _ out: String, _ registry: Registry
  ) throws -> RunConfiguration {
    try RunConfiguration(
      Settings([
        "model": ["path": .string(model)], "task": ["name": "sst2", "k": 4, "test": 6],
        "run": [
          "optimizer": .string(preset), "steps": 3, "batch": 3, "seed": 3, "eval-every": 3, "threads": 1,
          "out": .string(out),
        ],
        "rule": ["learning-rate": 1e-3],
        // All coordinates of such a model take thousands of forward passes.
        "estimator": preset == "cge" ? ["coordinates": 8] : [:],
      ]), registry)
  }

  private func bytes(_ path: String) throws -> Data { try #require(FileManager.default.contents(atPath: path)) }
}
