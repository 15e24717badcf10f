import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothTestKit

@testable import ZerothModels

/// Models in GGUF: what they compute, and what is undone of what the converter did.
@Suite struct GGUFModelTests {
  static let formats = [
    "f16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q2_k", "q3_k_m", "q4_k_m", "q5_k_s", "q6_k", "iq4_nl",
  ]
  static let models =
    formats.map { "llama-" + $0 }
    + ["qwen2", "qwen3", "gpt2", "gemma3", "phi3"].flatMap { [$0 + "-f16", $0 + "-q8_0"] }

  static func path(_ name: String) -> String { SharedMaterial.path("models/gguf/\(name).gguf") }

  @Test(.needs("models/gguf"), arguments: models)
  func agreesWithTheReference(model name: String) throws {
    let model = try CausalModel(directory: Self.path(name))
    let golden = try Golden(path: SharedMaterial.path("models/gguf/\(name).golden.json"))
    let stored = try model.loadFrozenParameters()
    let comparison = try model.compare(with: golden, at: stored)
    #expect(comparison.passes && comparison.checks.count == 2, "\(comparison.checks)")
    #expect(stored.flattened() == (try model.loadParameters().flattened()))
    #expect(stored.layout.trainable.isEmpty)
  }

  /// What stays quantised gives the bits that its widened copy gives, in products of few and of many rows, while the norms
  /// are displaced.
  @Test(.needs("models/gguf"), arguments: ["llama-q8_0", "llama-q4_1", "llama-q4_k_m", "phi3-q8_0", "gpt2-q8_0"])
  func storedBlocksEvaluateAsFloats(model name: String) throws {
    let model = try CausalModel(directory: Self.path(name))
    let floats = try model.loadParameters(training: .roles("norm"))
    let stored = try model.loadParameters(training: .roles("norm"), storage: .asStored)
    #expect(model.layout.blocks.count { stored.stored().format(of: $0).isQuantized } > 8)
    try expectSameEvaluations(of: model, stored, floats)
  }

  @Test(.needs("models/gguf")) func aQuantisedBlockIsNotTrained() throws {
    let model = try CausalModel(directory: Self.path("llama-q4_k_m"))
    let error = try #require(inputError { _ = try model.loadParameters(storage: .asStored) })
    #expect(error.found.contains("Q4_K") && error.expected.contains("model.storage = \"float32\""))
    // Its norms can be.
    let theta = try model.loadParameters(training: .roles("norm"), storage: .asStored)
    #expect(theta.layout.trainable.count == 5)
    #expect(theta.stored().format(of: model.layout.blocks[0]) == .q4K)
  }

  /// A copy in Hugging Face's format has the same weights, and its configuration describes the same model.
  @Test(.needs("models/gguf"), arguments: models.filter { $0.hasSuffix("q8_0") })
  func isConverted(model name: String) throws {
    let folder = try TemporaryFolder()
    let model = try CausalModel(directory: Self.path(name))
    try model.save(model.loadFrozenParameters(), to: folder.path)
    let copy = try CausalModel(directory: folder.path)
    #expect(copy.decoder.description == model.decoder.description)
    // What the converter added to norms is taken off, which rounds.
    let (a, b) = (try model.loadParameters().flattened(), try copy.loadParameters().flattened())
    #expect(a == b)
    #expect(try folder.contents.contains("tokenizer.json") && folder.contents.contains("tokenizer_config.json"))
  }

  // MARK: - What the converter does

  static let families = ["llama", "qwen2", "qwen3", "gemma3", "gpt2", "phi3"]

  @Test(arguments: families) func whatTheConverterDidIsUndone(family: String) throws {
    let folder = try TemporaryFolder()
    let made = try MadeModels.make(family)
    try made.save(made.randomParameters(StreamKey(seed: 3)), to: folder.path)
    let checkpoint = try Checkpoint(directory: folder.path)
    let converted = try Self.converted(checkpoint, family, made.decoder.description)
    let model = try CausalModel(directory: folder.write(converted.bytes, to: "m.gguf"))
    let original = try CausalModel(directory: folder.path)
    #expect(model.layout == original.layout)
    let (a, b) = (try model.loadParameters().flattened(), try original.loadParameters().flattened())
    #expect(a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= 1e-6 })
    #expect(try model.loadFrozenParameters().flattened() == a)
  }

  private static let names = [
    "embed_tokens": "token_embd", "wte": "token_embd", "wpe": "position_embd", "lm_head": "output",
    "ln_f": "output_norm",
    "norm": "output_norm", "input_layernorm": "attn_norm", "ln_1": "attn_norm", "ln_2": "ffn_norm",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.qkv_proj": "attn_qkv", "attn.c_attn": "attn_qkv",
    "attn.c_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.c_fc": "ffn_up",
    "mlp.gate_up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "mlp.c_proj": "ffn_down",
    "pre_feedforward_layernorm": "ffn_norm", "post_feedforward_layernorm": "post_ffw_norm",
  ]

  /// What llama.cpp's converter makes of `checkpoint`, in fp32.
  private static func converted(
    _ checkpoint: Checkpoint, _ family: String, _ d: DecoderDescription
  ) throws -> MadeGGUF {
    var made = MadeGGUF()
    func set(_ key: String, _ value: Int) { made[family + "." + key] = .integer(UInt32(value)) }
    made["general.architecture"] = .text(family)
    set("block_count", d.layers.count)
    set("context_length", d.context)
    set("embedding_length", d.width)
    set("feed_forward_length", d.inner)
    set("attention.head_count", d.heads)
    set("attention.head_count_kv", d.keyHeads)
    set("attention.key_length", d.headWidth)
    set("attention.value_length", d.headWidth)
    set("attention.sliding_window", 4)
    set("rope.scaling.original_context_length", 12)
    made[family + ".attention.layer_norm_rms_epsilon"] = .number(1e-6)
    made[family + ".attention.layer_norm_epsilon"] = .number(1e-5)
    for name in checkpoint.names {
      let shape = try checkpoint.info(name).shape
      var values = [Float](repeating: 0, count: shape.reduce(1, *))
      try values.withUnsafeMutableBufferPointer { try checkpoint.read(name, into: $0) }
      var parts = name.split(separator: ".").map(String.init).filter { $0 != "model" && $0 != "transformer" }
      let end = parts.removeLast()
      let layer = parts.count > 1 ? Int(parts[1]) : nil
      let module = parts.dropFirst(layer == nil ? 0 : 2).joined(separator: ".")
      var to = try #require(names[module], "\(name)")
      if family == "gemma3", module == "post_attention_layernorm" { to = "post_attention_norm" }
      if family == "gemma3", to.hasSuffix("norm") { values = values.map { $0 + 1 } }
      var rows = shape[0]
      var columns = shape.count == 2 ? shape[1] : 1
      if family == "gpt2", shape.count == 2, layer != nil {
        values = (0..<columns).flatMap { c in (0..<rows).map { values[$0 * columns + c] } }
        (rows, columns) = (columns, rows)
      }
      if family == "llama", to == "attn_q" || to == "attn_k" {
        // Reshaped to heads x 2 x half, halves and pairs exchanged.
        let half = d.headWidth / 2
        values = (0..<(rows / d.headWidth)).flatMap { head in
          (0..<half).flatMap { j in
            (0..<2).flatMap { side -> ArraySlice<Float> in
              let row = (head * 2 + side) * half + j
              return values[(row * columns)..<((row + 1) * columns)]
            }
          }
        }
      }
      let place = layer.map { "blk.\($0).\(to).\(end)" } ?? "\(to).\(end)"
      made.add(place, shape.count == 2 ? [rows, columns] : [rows], values)
    }
    if family == "phi3" {
      made.add("rope_factors_short.weight", [4], [1, 1.5, 2, 2.5])
      made.add("rope_factors_long.weight", [4], [2, 3, 4, 5])
    }
    return made
  }
}
