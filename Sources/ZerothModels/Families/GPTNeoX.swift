import Zeroth

extension ModelFamily {
  /// GPT-NeoX (Black et al. 2022) and Pythia: layer norms in front of two halves that read the same hidden state,
  /// rotary positions on a quarter of each head, and the projections of attention in one module, head by head. The
  /// fields and their defaults are those of `GPTNeoXConfig` in transformers.
  static let gptNeoX = ModelFamily(decoder: "gpt_neox") { c in
    let width = try c.size("hidden_size", default: 6144)
    let heads = try c.size("num_attention_heads", default: 64)
    try c.require("hidden_size", width, isMultipleOf: "num_attention_heads", heads)
    var d = DecoderDescription(
      vocabulary: try c.size("vocab_size", default: 50_432),
      context: try c.size("max_position_embeddings", default: 2048), width: width, heads: heads,
      inner: try c.size("intermediate_size", default: 24_576),
      layers: Array(repeating: .init(), count: try c.layers(default: 44)))
    let rotary = try c.rotary(
      of: d, theta: 10_000, thetaKey: "rotary_emb_base", isPartial: true, partial: 0.25, partialKey: "rotary_pct")
    for i in d.layers.indices { d.layers[i].rotary = rotary }
    d.context = rotary.scaling.stretch(d.context)
    d.norm = .layer(eps: try c.positiveNumber("layer_norm_eps", default: 1e-5))
    d.isParallel = try c.flag("use_parallel_residual", default: true)
    d.attentionBiases = try c.flag("attention_bias", default: true) ? .all : []
    d.feedForward = .plain(try c.activation("hidden_act", default: .gelu))
    d.hasFeedForwardBiases = true
    d.isTied = try c.flag("tie_word_embeddings", default: false)
    d.tokens = try c.specialTokens(start: 0, ends: [2], padding: nil)

    func turn(_ place: Int) -> RowSlice { .turns(place: place, of: 3, run: d.headWidth) }
    var t = DecoderTensors()
    t.prefix = "gpt_neox."
    t.tokens = "embed_in"
    t.query = ModulePlace("attention.query_key_value", "query", rows: turn(0))
    t.key = ModulePlace("attention.query_key_value", "key", rows: turn(1))
    t.value = ModulePlace("attention.query_key_value", "value", rows: turn(2))
    t.output = "attention.dense"
    t.up = "mlp.dense_h_to_4h"
    t.down = "mlp.dense_4h_to_h"
    t.finalNorm = "final_layer_norm"
    t.head = "embed_out"
    t.ignored = [".rotary_emb.inv_freq", ".attention.bias", ".attention.masked_bias"]
    return (d, t)
  }
}
