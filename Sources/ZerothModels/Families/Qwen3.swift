extension ModelFamily {
  /// Qwen 3 (Yang et al. 2025): Llama with a norm for each head of queries and keys. The width of a head is a separate
  /// size. The fields and their defaults are those of `Qwen3Config` in transformers.
  static let qwen3 = ModelFamily(decoder: "qwen3") { c in
    var d = try DecoderDescription(
      llamaLike: c, .init(vocabulary: 151_936, context: 32_768, inner: 22_016, keyHeads: 32, headWidth: 128))
    try d.turn(by: c)
    d.hasHeadNorms = true
    d.attentionBiases = try c.flag("attention_bias", default: false) ? .all : []
    try d.slideAsQwen(c)
    return (d, DecoderTensors())
  }
}
