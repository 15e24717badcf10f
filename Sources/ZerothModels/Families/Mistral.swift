extension ModelFamily {
  /// Mistral 7B (Jiang et al. 2023): Llama with a sliding window in every layer. Fields and defaults are those of
  /// `MistralConfig` in transformers.
  static let mistral = ModelFamily(decoder: "mistral") { c in
    var d = try DecoderDescription(
      llamaLike: c, .init(context: 131_072, inner: 14_336, keyHeads: 8, start: 1, ends: [2]))
    try d.turn(by: c)
    let window = try c.json["sliding_window"] == nil ? 4096 : c.size("sliding_window")
    for i in d.layers.indices { d.layers[i].window = window }
    return (d, DecoderTensors())
  }
}
