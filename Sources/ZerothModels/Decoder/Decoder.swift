import CZeroth
import Zeroth

/// The forward pass of every causal decoder. The description of the decoder says which operations it has.
struct Decoder: Architecture {
  let description: DecoderDescription
  let blocks: [ModelBlock]
  /// The block whose rows give the logits: the output layer, or the token embedding where the two are tied.
  let head: Int
  let untiedHead: String?
  let missingPrefix: String
  let tiedHead: String?
  private let tokens: Int
  private let positions: Int?
  private let projectIn, projectOut: Linear?
  private let layers: [DecoderLayer]
  private let finalNorm: Norm?
  private let redundant: String?
  private let ignored: [String]

  var vocabulary: Int { description.vocabulary }
  /// A number that differs between lengths of the longest sequence for which the layers use different rotary
  /// frequencies. It is 0 up to the context of the first training.
  func frequencyKey(longest: Int) -> Int {
    description.layers.reduce(0) { max($0, $1.rotary?.key(longest: longest) ?? 0) }
  }
  var context: Int { description.context }
  var headWidth: Int { description.headWidth }
  /// The limit of logits.
  var logitCap: Float? { description.logitCap.map { Float($0) } }

  /// The most floats that a pass needs for one row of activations, besides temporary memory of the threads. These are
  /// the hidden state, the rows that are read out, the normed and the packed ones; and the larger of q, k, v with what
  /// is selected of them, and the inner activations of the feed-forward layer. Norms of heads and norms behind a half
  /// need copies; a parallel residual needs a second packed row.
  var activationsPerRow: Int {
    let d = description
    let ofHeads = (d.heads + d.keyHeads) * d.headWidth
    let inner = if case .gated = d.feedForward { 3 * d.inner } else { d.inner }
    return (4 + (d.norms == .around ? 2 : 0) + (d.isParallel ? 1 : 0)) * d.width
      + max((d.hasHeadNorms ? 3 : 2) * ofHeads, inner)
  }

  /// The most floats that a recorded pass needs for one row of activations: those of a pass, and those on the tape. The
  /// tape holds what each layer saves, or with recomputation the input of each layer and what one layer saves, and the
  /// logits.
  func recordedPerRow(recomputing: Bool) -> Int {
    let d = description
    let ofHeads = (d.heads + d.keyHeads) * d.headWidth
    let inner = if case .gated = d.feedForward { 4 * d.inner } else { 2 * d.inner }
    let layer =
      (4 + (d.norms == .around ? 2 : 0)) * d.width + (d.hasHeadNorms ? 4 : 3) * ofHeads + inner
    let kept = recomputing ? layers.count * d.width + layer : layers.count * layer + d.vocabulary
    return 2 * activationsPerRow + kept + 2 * d.width
  }

  /// Adds the blocks that `description` needs. Their names are those of `tensors`, adapted to the checkpoint in
  /// `source`: a checkpoint may leave out the prefix, and a tied one may hold the embedding as its output layer.
  ///
  /// Where the configuration says that the output layer is tied, but the checkpoint has an output layer that differs
  /// from the embedding, that layer is used. transformers 5 does the same.
  init(_ description: DecoderDescription, _ tensors: DecoderTensors, _ source: ModelFolder.Source) throws {
    try description.validate(source.file.path)
    var d = description
    let embedding = tensors.tokens + ".weight"
    let headName = tensors.head + ".weight"
    var table = BlockTable(prefix: source.contains(embedding) ? "" : tensors.prefix)
    missingPrefix = table.prefix.isEmpty ? tensors.prefix : ""
    let embeddingName = table.prefix + embedding
    untiedHead = try d.isTied && source.hold(headName, otherThan: embeddingName) ? headName : nil
    if untiedHead != nil { d.isTied = false }
    tiedHead = d.isTied ? tensors.head : nil
    let isHeadAlone = d.isTied && source.contains(headName) && !source.contains(embeddingName)
    tokens = table.matrix(
      embedding, d.vocabulary, d.embeddingWidth, .embedding, part: isHeadAlone ? TensorPart(tensor: headName) : nil)
    positions =
      if case .learned(let shift) = d.positions {
        table.matrix(tensors.positions + ".weight", d.context + shift, d.width, .position)
      } else { nil }
    if d.embeddingWidth != d.width {
      projectIn = table.linear(tensors.projectIn, from: d.embeddingWidth, to: d.width, bias: false, .dense)
      projectOut = table.linear(tensors.projectOut, from: d.width, to: d.embeddingWidth, bias: false, .dense)
    } else {
      projectIn = nil
      projectOut = nil
    }
    // Layers with the same rotary embedding share a table of angles.
    var tables: [RotaryEmbedding: RotaryTable] = [:]
    layers = d.layers.indices.map { i in
      if let rotary = d.layers[i].rotary, tables[rotary] == nil { tables[rotary] = RotaryTable(rotary) }
      return DecoderLayer(d, tensors, i, rotary: d.layers[i].rotary.flatMap { tables[$0] }, in: &table)
    }
    finalNorm = d.hasFinalNorm ? table.norm(tensors.finalNorm, d.width, d.norm, parts: d.normParts) : nil
    redundant = d.isTied && !isHeadAlone ? headName : nil
    if d.isTied {
      head = tokens
    } else {
      table.prefix = ""
      head = table.matrix(headName, d.vocabulary, d.embeddingWidth, .head)
    }
    blocks = table.blocks
    ignored = tensors.ignored
    self.description = d
  }

  func isRedundant(_ tensor: String) -> Bool {
    tensor == redundant || ignored.contains { tensor.hasSuffix($0) }
  }

  /// The last hidden states, to which the output layer is then applied, at the rows `rows` of the batch: variants *
  /// rows.count x columns.
  func output(_ batch: TokenBatch, rows: [Int], _ w: Weights) -> Matrix {
    let x = w.workspace.matrix(batch.rowCount(variants: w.variants), description.width)
    embed(batch, into: x, w)
    // After the last attention, only the rows that are read out are computed.
    let y = w.place(for: rows, of: x)
    for i in layers.indices {
      let selected = i == layers.count - 1 ? rows : nil
      let rest = selected == nil ? x : y
      if let tape = w.tape {
        tape.segment(from: x) { layer(i, batch, x, selected, into: rest, w) }
      } else {
        layer(i, batch, x, selected, into: rest, w)
      }
    }
    var output = y
    if let finalNorm { output = w.apply(finalNorm, to: output) }
    if let projectOut { output = w.apply(projectOut, to: w.pack(output)) }
    return output
  }

  /// rest = the output of layer number `i` for x, at all rows or at the `selected` ones.
  private func layer(
    _ i: Int, _ batch: TokenBatch, _ x: Matrix, _ selected: [Int]?, into rest: Matrix, _ w: Weights
  ) {
    w.workspace.scope {
      // With a parallel residual both halves of the layer read the present x.
      let early = description.isParallel ? feedForwardInput(i, x, selected, w) : nil
      w.workspace.scope { attend(i, batch, x, selected, into: rest, w) }
      w.workspace.scope { feed(i, early, of: x, into: rest, w) }
    }
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
    if description.embeddingScale != 1 { w.scale(x, by: Float(description.embeddingScale)) }
    if let positions, case .learned(let shift) = description.positions {
      w.embed(batch.positions, shiftedBy: shift + w.frontTokens, w.layout.blocks[positions], into: x, accumulate: true)
    }
  }

  /// rest = x + O attention(Q n, K n, V n), at all rows or at the `selected` ones.
  private func attend(
    _ i: Int, _ batch: TokenBatch, _ x: Matrix, _ selected: [Int]?, into rest: Matrix, _ w: Weights
  ) {
    let (d, layer) = (description, layers[i])
    let isNormedBefore = d.norms != .after
    let sharing = d.heads / d.keyHeads
    let n = w.pack(like: x) { isNormedBefore ? w.apply(layer.attentionNorm, to: x) : x }
    let sum = HalfOutput(layer.attentionOutputNorm, into: rest, w)
    let count = isNormedBefore && batch.cache == nil ? 2 : 1
    for keys in w.outputRanges(of: d.keyHeads * d.headWidth, unit: d.headWidth, count: count, for: x) {
      let queries = (keys.lowerBound * sharing)..<(keys.upperBound * sharing)
      let keyHeads = keys.count / d.headWidth
      w.workspace.scope {
        var q = w.apply(layer.query, rows: queries, to: n)
        var k = w.apply(layer.key, rows: keys, to: n)
        let v = w.apply(layer.value, rows: keys, to: n)
        if let norm = layer.queryNorm { q = w.apply(norm, toHeads: keyHeads * sharing, of: q) }
        if let norm = layer.keyNorm { k = w.apply(norm, toHeads: keyHeads, of: k) }
        if let rotary = layer.rotary {
          w.rotate(q, heads: keyHeads * sharing, batch, rotary)
          w.rotate(k, heads: keyHeads, batch, rotary)
        }
        w.attention(
          q, k, v, heads: keyHeads * sharing, keyHeads: keyHeads, batch, window: layer.window, scale: layer.scale,
          cap: d.attentionCap.map { Float($0) }, layer: i, keyColumn: keys.lowerBound)
        if let selected, keys.lowerBound == 0 { w.select(selected, of: x, into: rest) }
        w.apply(
          layer.output, columns: queries, to: selected.map { w.select($0, of: q) } ?? q, into: sum.target,
          accumulate: true)
      }
    }
    sum.finish(w)
    if d.norms == .after { w.copy(w.apply(layer.attentionNorm, to: rest), to: rest) }
  }

  /// The input of the feed-forward layer: the norm of x, or x itself, at all rows or at the `selected` ones.
  private func feedForwardInput(_ i: Int, _ x: Matrix, _ selected: [Int]?, _ w: Weights) -> PackedRows {
    let rows = w.variants * (selected?.count ?? x.rows / w.variants)
    let shape = Matrix(base: x.base, rows: rows, columns: x.columns)
    return w.pack(like: shape) {
      var input = x
      if let selected {
        input = w.workspace.matrix(rows, x.columns)
        w.select(selected, of: x, into: input)
      }
      return description.norms == .after ? input : w.apply(layers[i].feedForwardNorm, to: input)
    }
  }

  /// rest = rest + D (f(G n) * U n), or D f(U n), where n is `early` or the norm of rest. `x` has all rows of the
  /// batch.
  private func feed(_ i: Int, _ early: PackedRows?, of x: Matrix, into rest: Matrix, _ w: Weights) {
    let layer = layers[i]
    let n = early ?? feedForwardInput(i, rest, nil, w)
    let sum = HalfOutput(layer.feedForwardOutputNorm, into: rest, w)
    let activation = description.feedForward.activation.kernel
    if let gate = layer.gate {
      w.gatedFeedForward(gate, layer.up, layer.down, activation, of: n, into: sum.target, cutFor: x)
    } else {
      w.feedForward(layer.up, layer.down, activation, of: n, into: sum.target)
    }
    sum.finish(w)
    if description.norms == .after { w.copy(w.apply(layer.feedForwardNorm, to: rest), to: rest) }
  }

  /// The matrix to which half a layer adds its output: the hidden state, or a separate matrix where a norm stands
  /// between.
  private struct HalfOutput {
    let target: Matrix
    private let norm: Norm?
    private let rest: Matrix

    init(_ norm: Norm?, into rest: Matrix, _ w: Weights) {
      self.norm = norm
      self.rest = rest
      target = norm == nil ? rest : w.workspace.matrix(rest.rows, rest.columns)
      if norm != nil { w.clear(target) }
    }

    func finish(_ w: Weights) {
      guard let norm else { return }
      w.workspace.scope { w.add(w.apply(norm, to: target), to: rest) }
    }
  }
}
