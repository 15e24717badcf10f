import CZeroth
import Zeroth

/// Llama 1 to 3 (Touvron et al. 2023): rotary positions, RMS norms, grouped-query attention, a gated feed-forward layer.
///
///     x = E[token]
///     x = x + O(attention(rotate(Q n), rotate(K n), V n)),  n = rms(x)
///     x = x + D (silu(G n) * U n),                          n = rms(x)
///     logits = H rms(x)                                     H is E where they are tied
struct Llama: CausalArchitecture {
  private struct Layer {
    let attentionNorm: Int
    let query, key, value, output: Linear
    let feedForwardNorm: Int
    let gate, up, down: Linear
  }

  private let configuration: LlamaConfiguration
  private let tokens: Int
  private let layers: [Layer]
  private let finalNorm: Int
  private let rotary: RotaryTable
  let entries: [ParameterLayout.Entry]
  let head: Int

  var vocabulary: Int { configuration.vocabSize }
  var context: Int { configuration.maxPositionEmbeddings }
  // The hidden state, the rows that are read out, the normed and the packed ones; then q, k, v and what is selected of
  // them, or gate, up and their packed product.
  var activationsPerRow: Int {
    let (heads, keyHeads) = (configuration.numAttentionHeads, configuration.numKeyValueHeads)
    return 4 * configuration.hiddenSize
      + max(2 * (heads + keyHeads) * configuration.headDim, 3 * configuration.intermediateSize)
  }

  /// The blocks of `configuration`; `prefix` is `model.` in checkpoints of the language model.
  init(_ configuration: LlamaConfiguration, prefix: String) {
    self.configuration = configuration
    let h = configuration.hiddenSize
    let queries = configuration.numAttentionHeads * configuration.headDim
    let keys = configuration.numKeyValueHeads * configuration.headDim
    var table = BlockTable(prefix: prefix)
    tokens = table.matrix("embed_tokens.weight", configuration.vocabSize, h, .embedding)
    layers = (0..<configuration.numHiddenLayers).map { i in
      let name = "layers.\(i)."
      func attention(_ part: String, _ from: Int, _ to: Int, _ role: BlockRole) -> Linear {
        table.linear(
          name + "self_attn." + part, from: from, to: to, bias: configuration.attentionBias, role, layer: i)
      }
      func dense(_ part: String, _ from: Int, _ to: Int) -> Linear {
        table.linear(name + "mlp." + part, from: from, to: to, bias: configuration.mlpBias, .dense, layer: i)
      }
      return Layer(
        attentionNorm: table.vector(name + "input_layernorm.weight", h, .norm, layer: i),
        query: attention("q_proj", h, queries, .query), key: attention("k_proj", h, keys, .key),
        value: attention("v_proj", h, keys, .value), output: attention("o_proj", queries, h, .output),
        feedForwardNorm: table.vector(name + "post_attention_layernorm.weight", h, .norm, layer: i),
        gate: dense("gate_proj", h, configuration.intermediateSize),
        up: dense("up_proj", h, configuration.intermediateSize),
        down: dense("down_proj", configuration.intermediateSize, h))
    }
    finalNorm = table.vector("norm.weight", h, .norm)
    rotary = RotaryTable(
      head: configuration.headDim, theta: configuration.ropeTheta, scaling: configuration.ropeScaling)
    var entries = table.entries
    if configuration.tieWordEmbeddings {
      head = tokens
    } else {
      head = entries.count
      entries.append(.init("lm_head.weight", rows: configuration.vocabSize, columns: h, role: .head))
    }
    self.entries = entries
  }

  func isRedundant(_ tensor: String) -> Bool {
    configuration.tieWordEmbeddings && tensor == "lm_head.weight" || tensor.hasSuffix(".rotary_emb.inv_freq")
  }

  func output(_ batch: TokenBatch, rows: [Int], _ w: Weights) -> Matrix {
    let x = w.workspace.matrix(w.variants * batch.tokens.count, configuration.hiddenSize)
    w.embed(batch.tokens, w.layout.blocks[tokens], into: x)
    // What follows the last attention is computed for the rows that are read out alone.
    let y = w.place(for: rows, of: x)
    let head = w.layout.blocks[layers[0].query.weight].rows / configuration.numAttentionHeads
    let sharing = configuration.numAttentionHeads / configuration.numKeyValueHeads
    for (i, layer) in layers.enumerated() {
      let isLast = i == layers.count - 1
      let rest = isLast ? y : x
      w.workspace.scope {
        let n = w.pack(like: x) { norm(x, layer.attentionNorm, w) }
        let keyWidth = configuration.numKeyValueHeads * head
        for keys in w.outputRanges(of: keyWidth, unit: head, count: batch.cache == nil ? 2 : 1, for: x) {
          let queries = (keys.lowerBound * sharing)..<(keys.upperBound * sharing)
          let keyHeads = keys.count / head
          w.workspace.scope {
            let q = w.apply(layer.query, rows: queries, to: n)
            let k = w.apply(layer.key, rows: keys, to: n)
            let v = w.apply(layer.value, rows: keys, to: n)
            w.rotate(q, heads: keyHeads * sharing, batch, rotary)
            w.rotate(k, heads: keyHeads, batch, rotary)
            w.attention(q, k, v, heads: keyHeads * sharing, keyHeads: keyHeads, batch, layer: i)
            if isLast, keys.lowerBound == 0 { w.select(rows, of: x, into: y) }
            w.apply(
              layer.output, columns: queries, to: isLast ? w.select(rows, of: q) : q, into: rest, accumulate: true)
          }
        }
      }
      w.workspace.scope {
        let n = w.pack(like: rest) { norm(rest, layer.feedForwardNorm, w) }
        let width = configuration.intermediateSize
        for outputs in w.outputRanges(of: width, unit: 64, count: width / x.columns, for: x) {
          w.workspace.scope {
            let gate = w.apply(layer.gate, rows: outputs, to: n, activation: configuration.hiddenAct.kernel)
            let up = w.apply(layer.up, rows: outputs, to: n)
            w.multiply(gate, by: up)
            w.apply(layer.down, columns: outputs, to: gate, into: rest, accumulate: true)
          }
        }
      }
    }
    return norm(y, finalNorm, w)
  }

  private func norm(_ x: Matrix, _ gain: Int, _ w: Weights) -> Matrix {
    let y = w.workspace.matrix(x.rows, x.columns)
    w.rmsNorm(x, gain: w.layout.blocks[gain], eps: Float(configuration.rmsNormEps), into: y)
    return y
  }
}
