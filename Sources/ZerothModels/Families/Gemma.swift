import Zeroth

extension ModelFamily {
  /// Gemma 2 (Gemma Team 2024): norms 1 + w on both sides of each half, a scaled embedding, limits of scores and logits, every
  /// other layer with a window. Fields and defaults are those of `Gemma2Config` in transformers.
  static let gemma2 = ModelFamily(decoder: "gemma2") { c in
    var d = try DecoderDescription(gemmaLike: c, vocabulary: 256_000, context: 8192)
    try d.turn(by: c)
    d.attentionCap = try c.json["attn_logit_softcapping"] == nil ? 50 : c.limit("attn_logit_softcapping")
    d.logitCap = try c.json["final_logit_softcapping"] == nil ? 30 : c.limit("final_logit_softcapping")
    try d.slide(c, window: c.slidingWindowOfGemma()) { $0.isMultiple(of: 2) }
    return (d, .gemma)
  }

  /// Gemma 3 (Gemma Team 2025) for texts only. It differs from Gemma 2 in a norm for each head of queries and keys
  /// instead of limits, and in its windows: five layers with a window, which have their own theta, are followed by one
  /// without. The fields and their defaults are those of `Gemma3TextConfig` in transformers.
  static let gemma3 = ModelFamily(decoder: "gemma3_text") { c in
    var d = try DecoderDescription(gemmaLike: c, vocabulary: 262_208, context: 131_072)
    d.hasHeadNorms = true
    // The configuration may also have a limit of scores, attn_logit_softcapping, but transformers does not apply it.
    d.logitCap = try c.limit("final_logit_softcapping")
    guard try !c.flag("use_bidirectional_attention", default: false) else {
      throw c.error("use_bidirectional_attention", expected: "false, as in a causal model")
    }
    let pattern = try c.size("sliding_window_pattern", default: 6)
    try d.slide(c, window: c.slidingWindowOfGemma()) { !($0 + 1).isMultiple(of: pattern) }
    let parameters = try c.object("rope_parameters")
    let global = try c.rotary(
      of: d, c.object("rope_scaling") ?? parameters?.object("full_attention"), theta: 1_000_000)
    let local = try c.rotary(
      of: d, parameters?.object("sliding_attention"), theta: 10_000, thetaKey: "rope_local_base_freq")
    for i in d.layers.indices { d.layers[i].rotary = d.layers[i].window == nil ? global : local }
    d.context = global.scaling.stretch(d.context)
    return (d, .gemma)
  }
}

extension DecoderDescription {
  /// The properties that Gemma 2 and 3 share.
  fileprivate init(gemmaLike c: ConfigurationFields, vocabulary: Int, context: Int) throws {
    try self.init(
      llamaLike: c,
      .init(
        vocabulary: vocabulary, context: context, width: 2304, inner: 9216, layers: 26, heads: 8, keyHeads: 4,
        headWidth: 256, isTied: true, start: 2, ends: [1], padding: 0), activation: ("hidden_activation", .geluTanh))
    norm = .rootMeanSquare(eps: try c.positiveNumber("rms_norm_eps", default: 1e-6), offset: 1)
    norms = .around
    embeddingScale = Double(width).squareRoot()
    attentionBiases = try c.flag("attention_bias", default: false) ? .all : []
    let scalar = try c.positiveNumber("query_pre_attn_scalar", default: 256)
    for i in layers.indices { layers[i].scale = 1 / scalar.squareRoot() }
  }
}

extension DecoderTensors {
  fileprivate static let gemma: DecoderTensors = {
    var t = DecoderTensors()
    t.attentionOutputNorm = "post_attention_layernorm"
    t.feedForwardNorm = "pre_feedforward_layernorm"
    t.feedForwardOutputNorm = "post_feedforward_layernorm"
    return t
  }()
}

extension ConfigurationFields {
  fileprivate func slidingWindowOfGemma() throws -> Int? {
    try json["sliding_window"] == nil ? 4096 : size("sliding_window")
  }

  /// A number above 0; nil where the key is missing or null.
  fileprivate func limit(_ key: String) throws -> Double? { isNone(key) ? nil : try positiveNumber(key) }
}
