extension ModelFamily {
  /// Llama 1 to 3 (Touvron et al. 2023), and models of the same structure, such as SmolLM: rotary positions, RMS norms,
  /// grouped-query attention, a gated feed-forward layer. The fields and their defaults are those of `LlamaConfig` in
  /// transformers.
  static let llama = ModelFamily(decoder: "llama") { c in
    var d = try DecoderDescription(llamaLike: c, .init(start: 1, ends: [2]))
    try d.turn(by: c)
    d.attentionBiases = try c.flag("attention_bias", default: false) ? .all : []
    d.hasFeedForwardBiases = try c.flag("mlp_bias", default: false)
    return (d, DecoderTensors())
  }
}
