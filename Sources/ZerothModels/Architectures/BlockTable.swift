import Zeroth

/// Collects the blocks of an architecture as it describes itself.
struct BlockTable {
  private(set) var entries: [ParameterLayout.Entry] = []
  var prefix: String
  /// What the checkpoint calls the parts of a norm.
  var normNames = (gain: "weight", bias: "bias")

  mutating func matrix(_ name: String, _ rows: Int, _ columns: Int, _ role: BlockRole, layer: Int? = nil) -> Int {
    entries.append(.init(prefix + name, rows: rows, columns: columns, role: role, layer: layer))
    return entries.count - 1
  }

  mutating func vector(_ name: String, _ count: Int, _ role: BlockRole, layer: Int? = nil) -> Int {
    matrix(name, count, 1, role, layer: layer)
  }

  mutating func linear(
    _ name: String, from columns: Int, to rows: Int, bias: Bool, _ role: BlockRole, layer: Int? = nil
  ) -> Linear {
    let weight = matrix(name + ".weight", rows, columns, role, layer: layer)
    return Linear(weight: weight, bias: bias ? vector(name + ".bias", rows, .bias, layer: layer) : nil)
  }

  mutating func norm(
    _ name: String, _ count: Int, gain: Bool = true, bias: Bool = true, eps: Double = 1e-5, layer: Int? = nil
  ) -> Norm {
    Norm(
      gain: gain ? vector("\(name).\(normNames.gain)", count, .norm, layer: layer) : nil,
      bias: bias ? vector("\(name).\(normNames.bias)", count, .norm, layer: layer) : nil, eps: Float(eps))
  }
}
