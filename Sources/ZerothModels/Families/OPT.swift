import Zeroth

extension ModelFamily {
  /// OPT (Zhang et al. 2022): learned positions from row 2 on, biases, ReLU, norms before or after each half of a layer.
  /// Fields and defaults are those of `OPTConfig` in transformers.
  static let opt = ModelFamily(decoder: "opt") { c in
    let width = try c.size("hidden_size", default: 768)
    let heads = try c.size("num_attention_heads", default: 12)
    try c.require("hidden_size", width, isMultipleOf: "num_attention_heads", heads)
    var d = DecoderDescription(
      vocabulary: try c.size("vocab_size", default: 50_272),
      context: try c.size("max_position_embeddings", default: 2048), width: width, heads: heads,
      inner: try c.size("ffn_dim", default: 3072),
      layers: Array(repeating: .init(), count: try c.layers(default: 12)))
    d.embeddingWidth = try c.size("word_embed_proj_dim") ?? width
    d.positions = .learned(shift: 2)
    d.norms = try c.flag("do_layer_norm_before", default: true) ? .before : .after
    d.normParts = try c.flag("layer_norm_elementwise_affine", default: true) ? [.gain, .bias] : []
    d.hasFinalNorm = try !c.flag("_remove_final_layer_norm", default: false) && d.norms == .before
    let hasBiases = try c.flag("enable_bias", default: true)
    d.attentionBiases = hasBiases ? .all : []
    d.feedForward = .plain(try c.activation("activation_function", default: .relu))
    d.hasFeedForwardBiases = hasBiases
    d.isTied = try c.flag("tie_word_embeddings", default: true)
    d.tokens = try c.specialTokens(start: 2, ends: [2], padding: 1)

    var t = DecoderTensors()
    t.prefix = "model."
    t.layers = "decoder.layers."
    t.tokens = "decoder.embed_tokens"
    t.positions = "decoder.embed_positions"
    t.projectIn = "decoder.project_in"
    t.projectOut = "decoder.project_out"
    t.attentionNorm = "self_attn_layer_norm"
    t.output = "self_attn.out_proj"
    t.feedForwardNorm = "final_layer_norm"
    t.up = "fc1"
    t.down = "fc2"
    t.finalNorm = "decoder.final_layer_norm"
    t.ignored = []
    return (d, t)
  }
}
