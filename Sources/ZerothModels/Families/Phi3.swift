extension ModelFamily {
  /// Phi-3 and 3.5 (Abdin et al. 2024): Llama with the projections of attention in one module, and with gate and up in
  /// another. It may have a window, rotary positions on a part of each head, and LongRoPE. The fields and their
  /// defaults are those of `Phi3Config` in transformers.
  static let phi3 = ModelFamily(decoder: "phi3") { c in
    var d = try DecoderDescription(
      llamaLike: c,
      .init(
        vocabulary: 32_064, context: 4096, width: 3072, inner: 8192, eps: 1e-5, start: 1, ends: [32_000],
        padding: 32_000))
    try d.turn(by: c, isPartial: true, original: c.size("original_max_position_embeddings", default: 4096))
    if let window = try c.size("sliding_window") { for i in d.layers.indices { d.layers[i].window = window } }

    let (queries, keys) = (d.heads * d.headWidth, d.keyHeads * d.headWidth)
    var t = DecoderTensors()
    t.query = ModulePlace("self_attn.qkv_proj", "query", rows: .from(0))
    t.key = ModulePlace("self_attn.qkv_proj", "key", rows: .from(queries))
    t.value = ModulePlace("self_attn.qkv_proj", "value", rows: .from(queries + keys))
    t.gate = ModulePlace("mlp.gate_up_proj", "gate", rows: .from(0))
    t.up = ModulePlace("mlp.gate_up_proj", "up", rows: .from(d.inner))
    return (d, t)
  }
}
