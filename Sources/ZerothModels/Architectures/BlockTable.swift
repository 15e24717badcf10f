import Zeroth

/// Collects the blocks of an architecture, in the order in which it describes them.
struct BlockTable {
  private(set) var blocks: [ModelBlock] = []
  var prefix: String
  /// The names of the parts of a norm in the checkpoint.
  var normNames = (gain: "weight", bias: "bias")

  /// Adds a block. Its tensor has the same name, unless `part` gives another place.
  mutating func matrix(
    _ name: String, _ rows: Int, _ columns: Int, _ role: BlockRole, layer: Int? = nil, part: TensorPart? = nil,
    mean: Float = 0
  ) -> Int {
    let entry = ParameterLayout.Entry(prefix + name, rows: rows, columns: columns, role: role, layer: layer)
    blocks.append(ModelBlock(entry: entry, part: part ?? TensorPart(tensor: entry.name), mean: mean))
    return blocks.count - 1
  }

  mutating func vector(
    _ name: String, _ count: Int, _ role: BlockRole, layer: Int? = nil, part: TensorPart? = nil, mean: Float = 0
  ) -> Int {
    matrix(name, count, 1, role, layer: layer, part: part, mean: mean)
  }

  mutating func linear(
    _ name: String, from columns: Int, to rows: Int, bias: Bool, _ role: BlockRole, layer: Int? = nil
  ) -> Linear {
    linear("", ModulePlace(name), from: columns, to: rows, bias: bias, role, layer: layer)
  }

  /// Adds the linear layer at `place`, whose name follows that of `container`.
  mutating func linear(
    _ container: String, _ place: ModulePlace, from columns: Int, to rows: Int, bias: Bool, _ role: BlockRole,
    layer: Int? = nil
  ) -> Linear {
    let module = container + place.module
    let name = place.part.map { "\(module).\($0)" } ?? module
    let weight = TensorPart(tensor: prefix + module + ".weight", rows: place.rows, isTransposed: place.isTransposed)
    let biases = TensorPart(tensor: prefix + module + ".bias", rows: place.rows)
    return Linear(
      weight: matrix(name + ".weight", rows, columns, role, layer: layer, part: weight),
      bias: bias ? vector(name + ".bias", rows, .bias, layer: layer, part: biases) : nil)
  }

  /// Adds a norm of `count` elements.
  mutating func norm(
    _ name: String, _ count: Int, _ kind: NormKind, parts: DecoderDescription.NormParts = [.gain, .bias],
    layer: Int? = nil
  ) -> Norm {
    var mean: Float = 1
    var parts = parts
    if case .rootMeanSquare(_, let offset) = kind {
      mean -= Float(offset)
      parts = .gain
    }
    let gain =
      parts.contains(.gain) ? vector("\(name).\(normNames.gain)", count, .norm, layer: layer, mean: mean) : nil
    let bias = parts.contains(.bias) ? vector("\(name).\(normNames.bias)", count, .norm, layer: layer) : nil
    return Norm(kind: kind, gain: gain, bias: bias)
  }
}
