import CZeroth
import Zeroth

/// The encoder of BERT and RoBERTa (Devlin et al. 2019). Every token sees all tokens of its sequence, and a norm
/// follows each half of a layer.
///
///     x = norm(E[token] + P[position] + T[type])
///     x = norm(x + O(attention(Q x, K x, V x)))
///     x = norm(x + F2 f(F1 x))
struct TransformerEncoder: Sendable {
  private struct Layer {
    let query, key, value, output: Linear
    let attentionNorm: Norm
    let up, down: Linear
    let finalNorm: Norm
  }

  private let configuration: BERTConfiguration
  private let positions, types: Int
  private let embeddingNorm: Norm
  private let layers: [Layer]
  /// The token embedding.
  let tokens: Int
  /// The number of elements of a hidden state.
  var width: Int { configuration.hiddenSize }
  /// The number of elements of a head.
  var headWidth: Int { width / configuration.numAttentionHeads }
  /// The structure of the model in words.
  func summary(vocabulary: Int, context: Int) -> [(about: String, words: String)] {
    let c = configuration
    return [
      ("size", "\(c.numHiddenLayers) layers of width \(width), \(vocabulary) tokens, sequences of up to \(context)"),
      ("heads", "\(c.numAttentionHeads) of width \(width / c.numAttentionHeads)"),
      ("positions", "learned; \(typeCount) token types"), ("sees", "all tokens"),
      ("norms", "layer norms, eps \(c.layerNormEps), behind each sum"),
      ("feed-forward", "width \(c.intermediateSize), \(c.hiddenAct)"),
    ]
  }
  /// Rows of the token type embedding.
  var typeCount: Int { configuration.typeVocabSize }
  /// The most floats that a pass needs for one row of activations: the hidden state, the rows that are read out, the
  /// packed and the normed ones; and the larger of q, k, v with what is selected of them, and the inner activations of
  /// the feed-forward layer.
  var activationsPerRow: Int {
    4 * configuration.hiddenSize + max(4 * configuration.hiddenSize, configuration.intermediateSize)
  }

  /// The most floats that a recorded pass needs for one row of activations.
  func recordedPerRow(recomputing: Bool) -> Int {
    let c = configuration
    let layer = 9 * c.hiddenSize + 2 * c.intermediateSize
    let kept = recomputing ? layers.count * c.hiddenSize + layer : layers.count * layer
    return 2 * activationsPerRow + kept + 4 * c.hiddenSize
  }

  /// Adds the blocks of `configuration` to `table`.
  init(_ configuration: BERTConfiguration, in table: inout BlockTable) {
    self.configuration = configuration
    let h = configuration.hiddenSize
    let eps = NormKind.layer(eps: configuration.layerNormEps)
    tokens = table.matrix("embeddings.word_embeddings.weight", configuration.vocabSize, h, .embedding)
    positions = table.matrix(
      "embeddings.position_embeddings.weight", configuration.maxPositionEmbeddings, h, .position)
    types = table.matrix("embeddings.token_type_embeddings.weight", configuration.typeVocabSize, h, .embedding)
    embeddingNorm = table.norm("embeddings.LayerNorm", h, eps)
    layers = (0..<configuration.numHiddenLayers).map { i in
      let name = "encoder.layer.\(i)."
      func linear(_ part: String, _ from: Int, _ to: Int, _ role: BlockRole) -> Linear {
        table.linear(name + part, from: from, to: to, bias: true, role, layer: i)
      }
      return Layer(
        query: linear("attention.self.query", h, h, .query), key: linear("attention.self.key", h, h, .key),
        value: linear("attention.self.value", h, h, .value), output: linear("attention.output.dense", h, h, .output),
        attentionNorm: table.norm(name + "attention.output.LayerNorm", h, eps, layer: i),
        up: linear("intermediate.dense", h, configuration.intermediateSize, .dense),
        down: linear("output.dense", configuration.intermediateSize, h, .dense),
        finalNorm: table.norm(name + "output.LayerNorm", h, eps, layer: i))
    }
  }

  /// The last hidden states at the rows `rows` of the batch, or at all rows where it is nil: variants * rows.count x
  /// hidden. `positions` are the rows of the position embedding for the tokens of `batch`.
  func output(_ batch: TokenBatch, at positions: [Int], rows: [Int]?, _ w: Weights) -> Matrix {
    let x = w.workspace.matrix(w.variants * batch.tokens.count, configuration.hiddenSize)
    w.workspace.scope {
      w.embed(batch.tokens, w.layout.blocks[tokens], into: x)
      w.embed(positions, shiftedBy: w.frontTokens, w.layout.blocks[self.positions], into: x, accumulate: true)
      w.embed(batch.types, w.layout.blocks[types], into: x, accumulate: true)
      w.copy(w.apply(embeddingNorm, to: x), to: x)
    }
    // After the last attention, only the rows that are read out are computed.
    let y = rows.map { w.place(for: $0, of: x) } ?? x
    for i in layers.indices {
      let selected = i == layers.count - 1 ? rows : nil
      let rest = selected == nil ? x : y
      if let tape = w.tape {
        tape.segment(from: x) { layer(i, batch, x, selected, into: rest, w) }
      } else {
        layer(i, batch, x, selected, into: rest, w)
      }
    }
    return y
  }

  /// rest = the output of layer number `i` for x, at all rows or at the `selected` ones.
  private func layer(
    _ i: Int, _ batch: TokenBatch, _ x: Matrix, _ selected: [Int]?, into rest: Matrix, _ w: Weights
  ) {
    let (layer, heads) = (layers[i], configuration.numAttentionHeads)
    w.workspace.scope {
      let packed = w.pack(x)
      let q = w.apply(layer.query, to: packed)
      let k = w.apply(layer.key, to: packed)
      let v = w.apply(layer.value, to: packed)
      w.attention(q, k, v, heads: heads, keyHeads: heads, batch, isCausal: false, layer: i)
      if let selected { w.select(selected, of: x, into: rest) }
      w.apply(layer.output, to: selected.map { w.select($0, of: q) } ?? q, into: rest, accumulate: true)
      w.copy(w.apply(layer.attentionNorm, to: rest), to: rest)
    }
    w.workspace.scope {
      w.feedForward(layer.up, layer.down, configuration.hiddenAct.kernel, of: w.pack(rest), into: rest)
      w.copy(w.apply(layer.finalNorm, to: rest), to: rest)
    }
  }
}

/// What the encoder models BERT and RoBERTa have in common.
protocol EncoderArchitecture: Architecture {
  var encoder: TransformerEncoder { get }
  /// The head that predicts masked tokens; nil where there is none.
  var maskedHead: MaskedHead? { get }
  /// The classifier; nil where there is none.
  var classifier: ClassifierHead? { get }
  /// The rows of the position embedding for the tokens of `batch`.
  func positions(of batch: TokenBatch) -> [Int]
}

extension EncoderArchitecture {
  var headWidth: Int { encoder.headWidth }
}
