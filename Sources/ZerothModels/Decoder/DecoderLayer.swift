import Zeroth

/// A layer of a decoder: the indices of its blocks in the layout, and the properties in which it differs from other
/// layers.
struct DecoderLayer: Sendable {
  let attentionNorm: Norm
  let query, key, value, output: Linear
  let queryNorm, keyNorm, attentionOutputNorm: Norm?
  let feedForwardNorm: Norm
  let gate: Linear?
  let up, down: Linear
  let feedForwardOutputNorm: Norm?
  let rotary: RotaryTable?
  let window: Int?
  let scale: Float?

  /// Adds the blocks of layer `i` to `table`.
  init(
    _ d: DecoderDescription, _ tensors: DecoderTensors, _ i: Int, rotary: RotaryTable?, in table: inout BlockTable
  ) {
    let container = "\(tensors.layers)\(i)."
    func norm(_ name: String, _ count: Int, in table: inout BlockTable) -> Norm {
      table.norm(container + name, count, d.norm, parts: d.normParts, layer: i)
    }
    func linear(
      _ place: ModulePlace, _ from: Int, _ to: Int, _ bias: Bool, _ role: BlockRole, in table: inout BlockTable
    ) -> Linear {
      table.linear(container, place, from: from, to: to, bias: bias, role, layer: i)
    }
    let (queries, keys) = (d.heads * d.headWidth, d.keyHeads * d.headWidth)
    let biases = d.attentionBiases
    attentionNorm = norm(tensors.attentionNorm, d.width, in: &table)
    query = linear(tensors.query, d.width, queries, biases.contains(.query), .query, in: &table)
    key = linear(tensors.key, d.width, keys, biases.contains(.key), .key, in: &table)
    value = linear(tensors.value, d.width, keys, biases.contains(.value), .value, in: &table)
    queryNorm = d.hasHeadNorms ? norm(tensors.queryNorm, d.headWidth, in: &table) : nil
    keyNorm = d.hasHeadNorms ? norm(tensors.keyNorm, d.headWidth, in: &table) : nil
    output = linear(tensors.output, queries, d.width, biases.contains(.output), .output, in: &table)
    attentionOutputNorm = d.norms == .around ? norm(tensors.attentionOutputNorm, d.width, in: &table) : nil
    feedForwardNorm = norm(tensors.feedForwardNorm, d.width, in: &table)
    if case .gated = d.feedForward {
      gate = linear(tensors.gate, d.width, d.inner, d.hasFeedForwardBiases, .dense, in: &table)
    } else {
      gate = nil
    }
    up = linear(tensors.up, d.width, d.inner, d.hasFeedForwardBiases, .dense, in: &table)
    down = linear(tensors.down, d.inner, d.width, d.hasFeedForwardBiases, .dense, in: &table)
    feedForwardOutputNorm = d.norms == .around ? norm(tensors.feedForwardOutputNorm, d.width, in: &table) : nil
    self.rotary = rotary
    window = d.layers[i].window
    scale = d.layers[i].scale.map { Float($0) }
  }
}
