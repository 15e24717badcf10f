extension ModelFamily {
  /// Qwen 2 and 2.5 (Yang et al. 2024): Llama with biases on queries, keys and values; from layer `max_window_layers` on, a
  /// sliding window if asked for. Fields and defaults are those of `Qwen2Config` in transformers.
  static let qwen2 = ModelFamily(decoder: "qwen2") { c in
    var d = try DecoderDescription(
      llamaLike: c, .init(vocabulary: 151_936, context: 32_768, inner: 22_016, keyHeads: 32))
    try d.turn(by: c)
    d.attentionBiases = [.query, .key, .value]
    try d.slideAsQwen(c)
    return (d, DecoderTensors())
  }
}

extension DecoderDescription {
  /// Gives layers the sliding windows that a configuration of Qwen 2 or 3 asks for.
  mutating func slideAsQwen(_ c: ConfigurationFields) throws {
    let window = try c.json["sliding_window"] == nil ? 4096 : c.size("sliding_window")
    let used = try c.flag("use_sliding_window", default: false) ? window : nil
    let first = try c.count("max_window_layers", default: 28)
    try slide(c, window: used) { used != nil && $0 >= first }
  }
}
