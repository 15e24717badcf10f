import Foundation
import Zeroth
import ZerothSupport

/// A `general.architecture` of GGUF files: how it is converted to the configuration of a family, and what llama.cpp's
/// converter changed in the weights.
///
/// The converter stores every matrix as outputs x inputs, in whatever order the checkpoint had it. Where a file does
/// not give a value, that of llama.cpp is used.
struct GGUFArchitecture: Sendable {
  let name: String
  /// The members of a `config.json` that follow from the metadata, without special tokens.
  let configure: @Sendable (GGUFFields) throws -> [JSON.Member]
  /// Whether the rows of queries and keys are reordered so that pairs that turn together are neighbours.
  var interleavesHeads = false
  /// The number that was added to the gain of every norm.
  var normShift: Float = 0

  static let all = [llama, qwen2, qwen3, gemma3, gpt2, phi3]

  private static let llama = GGUFArchitecture(
    name: "llama",
    configure: { f in
      guard f.file.metadata[f.key("expert_count")].map({ $0 == .integer(0) }) ?? true else {
        throw f.file.error(f.key("expert_count"), expected: "none: mixtures of experts are not read")
      }
      return try f.llamaLike("llama", "LlamaForCausalLM", theta: 10_000) + f.wholeHeads() + [
        .init("attention_bias", .bool(f.has("blk.0.attn_q.bias"))),
        .init("mlp_bias", .bool(f.has("blk.0.ffn_up.bias"))),
      ]
    }, interleavesHeads: true)

  private static let qwen2 = qwen("qwen2", "Qwen2ForCausalLM")
  private static let qwen3 = qwen("qwen3", "Qwen3ForCausalLM")

  private static func qwen(_ name: String, _ model: String) -> GGUFArchitecture {
    GGUFArchitecture(name: name) { f in
      try f.llamaLike(name, model, theta: 10_000) + f.wholeHeads() + [.init("use_sliding_window", false)]
    }
  }

  private static let gemma3 = GGUFArchitecture(
    name: "gemma3",
    configure: { f in
      var members = try f.llamaLike("gemma3_text", "Gemma3ForCausalLM", theta: 1_000_000, activation: nil)
      // llama.cpp scales queries by 1 / sqrt(head width), except in the model of 62 layers, where it uses width / heads
      // for the head width.
      let layers = try f.integer("block_count")
      let scale = try layers == 62 ? f.integer("embedding_length") / f.integer("attention.head_count") : f.headWidth()
      members += [
        .init("hidden_activation", "gelu_pytorch_tanh"), .init("query_pre_attn_scalar", .int(scale)),
        .init("sliding_window", .int(try f.integer("attention.sliding_window"))),
        .init("sliding_window_pattern", .int(try f.integer("attention.sliding_window_pattern", default: 6))),
        .init("rope_local_base_freq", try f.number("rope.freq_base_swa") ?? 10_000),
      ]
      members += try f.wholeHeads()
      if let cap = try f.number("final_logit_softcapping") { members.append(.init("final_logit_softcapping", cap)) }
      return members
    }, normShift: 1)

  private static let gpt2 = GGUFArchitecture(name: "gpt2") { f in
    [
      .init("model_type", "gpt2"), .init("architectures", ["GPT2LMHeadModel"]), .init("vocab_size", try f.vocabulary()),
      .init("n_embd", .int(try f.integer("embedding_length"))),
      .init("n_head", .int(try f.uniform("attention.head_count"))),
      .init("n_layer", .int(try f.integer("block_count"))), .init("n_positions", .int(try f.integer("context_length"))),
      .init("n_inner", .int(try f.uniform("feed_forward_length"))),
      .init("layer_norm_epsilon", try f.required("attention.layer_norm_epsilon")),
      .init("activation_function", "gelu_new"), .init("tie_word_embeddings", .bool(!f.has("output.weight"))),
    ]
  }

  private static let phi3 = GGUFArchitecture(name: "phi3") { f in
    var members = try f.llamaLike("phi3", "Phi3ForCausalLM", theta: 10_000)
    let width = try f.headWidth()
    let turning = try f.integer("rope.dimension_count", default: width)
    if turning != width { members.append(.init("partial_rotary_factor", .double(Double(turning) / Double(width)))) }
    let context = try f.integer("context_length")
    let original = try f.integer("rope.scaling.original_context_length", default: context)
    members.append(.init("original_max_position_embeddings", .int(original)))
    let window = try f.integer("attention.sliding_window", default: 0, 0...Int(Int32.max))
    members.append(.init("sliding_window", window == 0 ? .null : .int(window)))
    if let short = try f.factors("rope_factors_short.weight"), let long = try f.factors("rope_factors_long.weight") {
      var rope: [JSON.Member] = [
        .init("type", "longrope"), .init("short_factor", .array(short)), .init("long_factor", .array(long)),
      ]
      if let factor = try f.number("rope.scaling.attn_factor") { rope.append(.init("attention_factor", factor)) }
      members.append(.init("rope_scaling", .object(rope)))
    }
    return members
  }
}

/// The metadata of a model under the name of its architecture, and the tensors on which a configuration depends.
struct GGUFFields {
  let model: GGUFModel
  let architecture: String

  var file: GGUFFile { model.file }

  func key(_ name: String) -> String { "\(architecture).\(name)" }
  func has(_ tensor: String) -> Bool { model.tensors[tensor] != nil }
  func integer(
    _ name: String, default value: Int? = nil, _ range: ClosedRange<Int> = 1...Int(Int32.max)
  ) throws -> Int {
    try file.integer(key(name), default: value, range)
  }
  func uniform(_ name: String, default value: Int? = nil) throws -> Int {
    try file.uniform(key(name), default: value)
  }
  func number(_ name: String) throws -> JSON? { try file.number(key(name)) }
  func required(_ name: String) throws -> JSON {
    guard let number = try number(name) else { throw file.error(key(name), expected: "a number above 0") }
    return number
  }

  /// The number of rows of the token embedding.
  func vocabulary() throws -> JSON {
    guard let shape = model.tensors["token_embd.weight"]?.tensor.shape, shape.count == 2 else {
      throw InputError(
        "\(file.path): tensor 'token_embd.weight'",
        found: model.tensors["token_embd.weight"].map { "shape \($0.tensor.shape)" } ?? "no such tensor",
        expected: "a matrix, the token embedding")
    }
    return .int(shape[0])
  }

  /// The number of elements of a head.
  func headWidth() throws -> Int {
    let width = try integer("embedding_length"), heads = try uniform("attention.head_count")
    let keys = try integer("attention.key_length", default: width / heads)
    let values = try integer("attention.value_length", default: keys)
    guard keys == values else {
      throw file.error(key("attention.value_length"), expected: "\(keys), as attention.key_length")
    }
    return keys
  }

  /// The scaling of positions, as members of a configuration for a family that turns whole heads. Throws `InputError`
  /// where only a part of each head turns.
  func wholeHeads() throws -> [JSON.Member] {
    let width = try headWidth()
    guard try integer("rope.dimension_count", default: width) == width else {
      throw file.error(key("rope.dimension_count"), expected: "\(width), the width of a head: whole heads turn")
    }
    return try stretching().map { [.init("rope_scaling", $0)] } ?? []
  }

  /// The members that all decoders with the structure of Llama share.
  func llamaLike(
    _ type: String, _ model: String, theta: Int, activation: JSON? = "silu"
  ) throws -> [JSON.Member] {
    let heads = try uniform("attention.head_count")
    var members: [JSON.Member] = [
      .init("model_type", .string(type)), .init("architectures", [.string(model)]),
      .init("vocab_size", try vocabulary()), .init("hidden_size", .int(try integer("embedding_length"))),
      .init("intermediate_size", .int(try uniform("feed_forward_length"))),
      .init("num_hidden_layers", .int(try integer("block_count"))), .init("num_attention_heads", .int(heads)),
      .init("num_key_value_heads", .int(try uniform("attention.head_count_kv", default: heads))),
      .init("head_dim", .int(try headWidth())), .init("max_position_embeddings", .int(try integer("context_length"))),
      .init("rms_norm_eps", try required("attention.layer_norm_rms_epsilon")),
      .init("rope_theta", try number("rope.freq_base") ?? .int(theta)),
      .init("tie_word_embeddings", .bool(!has("output.weight"))),
    ]
    if let activation { members.append(.init("hidden_act", activation)) }
    return members
  }

  /// The member `rope_scaling`; nil where positions are not scaled.
  private func stretching() throws -> JSON? {
    if let factors = try factors("rope_freqs.weight") { return try llama3(factors.compactMap(\.double)) }
    let type = try file.text(key("rope.scaling.type")) ?? "linear"
    let factor = try number("rope.scaling.factor") ?? number("rope.scale_linear")
    switch type {
    case "none": return nil
    case "linear": return factor.map { ["rope_type": "linear", "factor": $0] }
    case "yarn":
      var rope: [JSON.Member] = [.init("rope_type", "yarn"), .init("factor", try required("rope.scaling.factor"))]
      let original = try integer("rope.scaling.original_context_length")
      rope.append(.init("original_max_position_embeddings", .int(original)))
      for (name, field) in [
        ("attn_factor", "attention_factor"), ("yarn_beta_fast", "beta_fast"), ("yarn_beta_slow", "beta_slow"),
      ] {
        if let value = try number("rope.scaling.\(name)") { rope.append(.init(field, value)) }
      }
      return .object(rope)
    default:
      throw file.error(key("rope.scaling.type"), expected: "one of linear, none, yarn")
    }
  }

  /// The values of a vector in fp32; nil where there is no such tensor.
  func factors(_ tensor: String) throws -> [JSON]? {
    guard let (tensor, mapped) = model.tensors[tensor] else { return nil }
    guard tensor.format == .float32, tensor.shape.count == 1, tensor.shape[0] <= 1 << 16 else {
      throw InputError(
        "\(mapped.path): tensor '\(tensor.name)'", found: "shape \(tensor.shape) in \(tensor.format.rawValue)",
        expected: "a vector in F32")
    }
    return (0..<tensor.shape[0]).map { i in
      let bits = mapped.bytes.loadUnaligned(fromByteOffset: tensor.byteRange.lowerBound + 4 * i, as: UInt32.self)
      let value = Float(bitPattern: UInt32(littleEndian: bits))
      return value.isFinite ? .number("\(value)") : .null
    }
  }

  /// The scaling of Llama 3. A file holds only the divisor of each frequency. Three of the numbers behind it are the
  /// same in every published model, and the last divisor is the factor.
  private func llama3(_ divisors: [Double]) throws -> JSON {
    let width = try headWidth()
    let plain = RotaryEmbedding(theta: try number("rope.freq_base")?.double ?? 10_000, width: width)
    var stretched = plain
    let factor = divisors.last ?? 0
    stretched.scaling = .llama3(
      factor: factor, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositionEmbeddings: 8192)
    let expected = zip(plain.frequencies(longest: 1), stretched.frequencies(longest: 1)).map { $0 / $1 }
    guard divisors.count == width / 2, factor > 0, zip(divisors, expected).allSatisfy({ abs($0 - $1) <= 1e-3 * $1 })
    else {
      throw InputError(
        "\(file.path): tensor 'rope_freqs.weight'", found: "other divisors than Llama 3's",
        expected: "those of factor \(factor), frequency factors 1 and 4, and a context of 8192 at first")
    }
    return [
      "rope_type": "llama3", "factor": .double(factor), "low_freq_factor": 1, "high_freq_factor": 4,
      "original_max_position_embeddings": 8192,
    ]
  }
}
