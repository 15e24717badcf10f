import Zeroth

extension ModelFamily {
  /// GPT-2 (Radford et al. 2019): learned positions, layer norms in front, biases; the three projections of attention in one
  /// module, and weights stored transposed. Fields and defaults are those of `GPT2Config` in transformers.
  static let gpt2 = ModelFamily(decoder: "gpt2") { c in
    let width = try c.size("n_embd", default: 768)
    let heads = try c.size("n_head", default: 12)
    try c.require("n_embd", width, isMultipleOf: "n_head", heads)
    guard try !c.flag("add_cross_attention", default: false) else {
      throw c.error("add_cross_attention", expected: "false: there is no encoder to attend to")
    }
    var d = DecoderDescription(
      vocabulary: try c.size("vocab_size", default: 50_257), context: try c.size("n_positions", default: 1024),
      width: width, heads: heads, inner: try c.size("n_inner") ?? 4 * width,
      layers: Array(repeating: .init(), count: try c.layers("n_layer", default: 12)))
    d.positions = .learned(shift: 0)
    d.norm = .layer(eps: try c.positiveNumber("layer_norm_epsilon", default: 1e-5))
    d.attentionBiases = .all
    d.feedForward = .plain(try c.activation("activation_function", default: .geluTanh))
    d.hasFeedForwardBiases = true
    let isScaled = try c.flag("scale_attn_weights", default: true)
    let isScaledByLayer = try c.flag("scale_attn_by_inverse_layer_idx", default: false)
    if !isScaled || isScaledByLayer {
      let scale = isScaled ? 1 / Double(d.headWidth).squareRoot() : 1
      for i in d.layers.indices { d.layers[i].scale = isScaledByLayer ? scale / Double(i + 1) : scale }
    }
    d.isTied = try c.flag("tie_word_embeddings", default: true)
    d.tokens = try c.specialTokens(start: 50_256, ends: [50_256], padding: nil)

    var t = DecoderTensors()
    t.prefix = "transformer."
    t.layers = "h."
    t.tokens = "wte"
    t.positions = "wpe"
    t.attentionNorm = "ln_1"
    t.query = ModulePlace("attn.c_attn", "query", rows: .from(0), isTransposed: true)
    t.key = ModulePlace("attn.c_attn", "key", rows: .from(width), isTransposed: true)
    t.value = ModulePlace("attn.c_attn", "value", rows: .from(2 * width), isTransposed: true)
    t.output = ModulePlace("attn.c_proj", isTransposed: true)
    t.feedForwardNorm = "ln_2"
    t.up = ModulePlace("mlp.c_fc", isTransposed: true)
    t.down = ModulePlace("mlp.c_proj", isTransposed: true)
    t.finalNorm = "ln_f"
    t.ignored = [".attn.bias", ".attn.masked_bias"]  // the causal mask, which the first releases contain
    return (d, t)
  }
}
