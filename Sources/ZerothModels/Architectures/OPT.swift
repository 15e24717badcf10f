import CZeroth
import Zeroth

/// OPT (Zhang et al. 2022): learned positions (from row 2 on), biases, ReLU, norms before or after each half of a layer.
///
///     x = E[token] (P_in) + P[position + 2]
///     x = x + O(attention(Q n, K n, V n)),  n = norm(x)          norm before; or x = norm(x + O(attention(...x...)))
///     x = x + F2 relu(F1 n),                n = norm(x)          likewise
///     logits = E (P_out) norm(x)
struct OPT: CausalArchitecture {
  private struct Layer {
    let attentionNorm: Norm
    let query, key, value, output: Linear
    let finalNorm: Norm
    let up, down: Linear
  }

  private let configuration: OPTConfiguration
  private let tokens: Int
  private let positions: Int
  private let projectIn, projectOut: Linear?
  private let layers: [Layer]
  private let finalNorm: Norm?
  let entries: [ParameterLayout.Entry]
  let head: Int
  private let tied: Bool

  var vocabulary: Int { configuration.vocabSize }
  var context: Int { configuration.maxPositionEmbeddings }
  // The hidden state, the rows that are read out, the normed and the packed ones; then q, k, v and what is selected of
  // them, or what is between the feed-forward layers.
  var activationsPerRow: Int { 4 * configuration.hiddenSize + max(4 * configuration.hiddenSize, configuration.ffnDim) }

  /// The blocks of `configuration`; `prefix` is `model.` in checkpoints of the language model.
  init(_ configuration: OPTConfiguration, prefix: String) {
    self.configuration = configuration
    let h = configuration.hiddenSize
    let bias = configuration.enableBias
    let affine = configuration.layerNormElementwiseAffine
    var table = BlockTable(prefix: prefix)
    tokens = table.matrix(
      "decoder.embed_tokens.weight", configuration.vocabSize, configuration.wordEmbedProjDim, .embedding)
    positions = table.matrix(
      "decoder.embed_positions.weight", configuration.maxPositionEmbeddings + 2, h, .position)
    if configuration.wordEmbedProjDim != h {
      projectIn = table.linear(
        "decoder.project_in", from: configuration.wordEmbedProjDim, to: h, bias: false, .dense)
      projectOut = table.linear(
        "decoder.project_out", from: h, to: configuration.wordEmbedProjDim, bias: false, .dense)
    } else {
      projectIn = nil
      projectOut = nil
    }
    layers = (0..<configuration.numHiddenLayers).map { i in
      let name = "decoder.layers.\(i)."
      func linear(_ part: String, _ from: Int, _ to: Int, _ role: BlockRole) -> Linear {
        table.linear(name + part, from: from, to: to, bias: bias, role, layer: i)
      }
      return Layer(
        attentionNorm: table.norm(name + "self_attn_layer_norm", h, gain: affine, bias: affine, layer: i),
        query: linear("self_attn.q_proj", h, h, .query), key: linear("self_attn.k_proj", h, h, .key),
        value: linear("self_attn.v_proj", h, h, .value), output: linear("self_attn.out_proj", h, h, .output),
        finalNorm: table.norm(name + "final_layer_norm", h, gain: affine, bias: affine, layer: i),
        up: linear("fc1", h, configuration.ffnDim, .dense), down: linear("fc2", configuration.ffnDim, h, .dense))
    }
    finalNorm =
      configuration.doLayerNormBefore && !configuration.removeFinalLayerNorm
      ? table.norm("decoder.final_layer_norm", h, gain: affine, bias: affine) : nil
    tied = configuration.tieWordEmbeddings
    var entries = table.entries
    if tied {
      head = tokens
    } else {
      head = entries.count
      entries.append(
        .init("lm_head.weight", rows: configuration.vocabSize, columns: configuration.wordEmbedProjDim, role: .head))
    }
    self.entries = entries
  }

  func isRedundant(_ tensor: String) -> Bool { tied && tensor == "lm_head.weight" }

  func output(_ batch: TokenBatch, rows: [Int], _ w: Weights) -> Matrix {
    let head = configuration.hiddenSize / configuration.numAttentionHeads
    let before = configuration.doLayerNormBefore
    let x = w.workspace.matrix(w.variants * batch.tokens.count, configuration.hiddenSize)
    embed(batch, into: x, w)
    // What follows the last attention is computed for the rows that are read out alone.
    let y = w.place(for: rows, of: x)
    for (i, layer) in layers.enumerated() {
      let isLast = i == layers.count - 1
      let rest = isLast ? y : x
      w.workspace.scope {
        let n = w.pack(like: x) { before ? w.apply(layer.attentionNorm, to: x) : x }
        let count = before && batch.cache == nil ? 2 : 1
        for heads in w.outputRanges(of: x.columns, unit: head, count: count, for: x) {
          w.workspace.scope {
            let q = w.apply(layer.query, rows: heads, to: n)
            let k = w.apply(layer.key, rows: heads, to: n)
            let v = w.apply(layer.value, rows: heads, to: n)
            w.attention(q, k, v, heads: heads.count / head, keyHeads: heads.count / head, batch, layer: i)
            if isLast, heads.lowerBound == 0 { w.select(rows, of: x, into: y) }
            w.apply(
              layer.output, columns: heads, to: isLast ? w.select(rows, of: q) : q, into: rest, accumulate: true)
          }
        }
        if !before { rest.take(w.apply(layer.attentionNorm, to: rest)) }
      }
      w.workspace.scope {
        let n = w.pack(like: rest) { before ? w.apply(layer.finalNorm, to: rest) : rest }
        w.feedForward(layer.up, layer.down, configuration.activationFunction.kernel, of: n, into: rest)
        if !before { rest.take(w.apply(layer.finalNorm, to: rest)) }
      }
    }
    var output = y
    if let finalNorm { output = w.apply(finalNorm, to: output) }
    if let projectOut { output = w.apply(projectOut, to: w.pack(output)) }
    return output
  }

  private func embed(_ batch: TokenBatch, into x: Matrix, _ w: Weights) {
    let table = w.layout.blocks[tokens]
    if let projectIn {
      w.workspace.scope {
        let e = w.workspace.matrix(x.rows, table.columns)
        w.embed(batch.tokens, table, into: e)
        w.apply(projectIn, to: e, into: x)
      }
    } else {
      w.embed(batch.tokens, table, into: x)
    }
    w.embed(batch.positions, shiftedBy: 2, w.layout.blocks[positions], into: x, accumulate: true)
  }
}
