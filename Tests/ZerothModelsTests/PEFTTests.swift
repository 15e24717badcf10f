import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothSupport

@testable import ZerothModels

/// LoRA adapters in PEFT's format: outputs against `peft`, displaced A and B against moved ones, and what is refused.
@Suite struct PEFTTests {
  static let adapters = [
    "gpt2-fan-in": "families/gpt2", "llama-all-rslora": "tiny/llama-gqa", "llama-norms": "tiny/llama3-tied",
    "opt-qv": "tiny/opt", "qwen2-pattern": "families/qwen2",
  ]

  static func model(_ adapter: String, at path: String? = nil) throws -> CausalModel {
    let model = try CausalModel(directory: SharedMaterial.path("models/" + (adapters[adapter] ?? "")))
    try model.attach(PEFTAdapter(directory: path ?? SharedMaterial.path("adapters/" + adapter)))
    return model
  }

  @Test(.needs("adapters", "models"), arguments: adapters.keys.sorted())
  func agreesWithPEFT(adapter: String) throws {
    let model = try Self.model(adapter)
    let golden = try Golden(path: SharedMaterial.path("adapters/\(adapter)/golden.json"))
    let comparison = try model.compare(with: golden, at: model.loadFrozenParameters())
    #expect(comparison.passes, "\(comparison.checks)")
    // Without the adapter the outputs are others, so that the comparison sees it.
    let base = try CausalModel(directory: SharedMaterial.path("models/" + (Self.adapters[adapter] ?? "")))
    #expect(try !base.compare(with: golden, at: base.loadFrozenParameters()).passes)
  }

  static let kinds: [EvaluationTests.Kind] = [.gaussian, .rademacher, .lowRank]
  static let cases = adapters.keys.sorted().flatMap { name in kinds.map { (name, $0) } }

  /// Few rows share a reading of W, many go one after another: both give what moved blocks give.
  @Test(.needs("adapters", "models"), arguments: cases)
  func displacedEqualsMoved(adapter: String, kind: EvaluationTests.Kind) throws {
    let model = try Self.model(adapter)
    let theta = try model.loadParameters()
    #expect(theta.layout.trainable.allSatisfy { $0.name.contains(".lora_") || $0.name.contains("norm") })
    let direction = EvaluationTests.direction(kind, theta.layout)
    let offsets: Few<Float> = [0.02, 0, -0.02]
    for sequences in [3, 20] {
      let batch = TokenBatch((0..<sequences).map { s in (0..<17).map { (7 * s + 3 * $0) % 100 } })
      let readout = Readout.logits(rows: [4, 16, 30, 50], ids: nil)
      let displaced = try model.evaluate(batch, readout, at: theta, along: direction, offsets: offsets)
      for (v, offset) in offsets.enumerated() {
        var moved = theta.clone()
        if offset != 0 { moved.add(direction, scale: offset) }
        let expected = try model.evaluate(batch, readout, at: moved)[0]
        let largest = zip(displaced[v], expected).map { abs($0 - $1) }.max() ?? .infinity
        #expect(largest < 1e-4)
      }
      #expect(displaced[0] != displaced[1])
    }
  }

  /// What is changed in adapter_config.json, and what the error names.
  static let refused = [
    ("\"use_dora\": false", "\"use_dora\": true", "use_dora"), ("\"r\": 4", "\"r\": 5", "lora_A"),
    ("\"LORA\"", "\"IA3\"", "peft_type"), ("\"v_proj\"", "\"k_proj\"", "k_proj"),
    ("\"v_proj\"", "\"nothing\"", "v_proj"), ("\"bias\": \"none\"", "\"bias\": \"all\"", "self_attn_layer_norm.bias"),
    ("\"bias\": \"none\"", "\"bias\": \"some\"", "lora_only"),
    ("\"init_lora_weights\": true", "\"init_lora_weights\": \"pissa\"", "init_lora_weights"),
    ("\"modules_to_save\": null", "\"modules_to_save\": [\"absent\"]", "absent"),
  ]

  @Test(.needs("adapters", "models"), arguments: refused)
  func refusesWhatItCannotUse(old: String, new: String, named: String) throws {
    let scratch = try Scratch()
    let source = SharedMaterial.path("adapters/opt-qv")
    let text = try String(contentsOfFile: source + "/adapter_config.json", encoding: .utf8)
    #expect(text.contains(old))
    _ = try scratch.write([text.replacingOccurrences(of: old, with: new)], to: "adapter_config.json")
    try FileManager.default.copyItem(
      atPath: source + "/adapter_model.safetensors", toPath: scratch.path + "/adapter_model.safetensors")
    let error = #expect(throws: InputError.self) { _ = try Self.model("opt-qv", at: scratch.path) }
    #expect("\(error.map { "\($0)" } ?? "")".contains(named))
  }

  @Test(.needs("adapters", "models")) func refusesAnAdapterOfAnotherModel() throws {
    #expect(throws: InputError.self) {
      _ = try Self.model("opt-qv", at: SharedMaterial.path("adapters/gpt2-fan-in"))
    }
  }
}
