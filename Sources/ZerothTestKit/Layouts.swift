import Zeroth

extension ParameterLayout {
  /// A layout for a test. It ends the process where `entries` are wrong, so a test needs no `try`.
  public static func made(_ entries: [Entry]) -> ParameterLayout {
    do {
      return try ParameterLayout(entries)
    } catch {
      preconditionFailure("\(error)")
    }
  }

  /// 62 parameters in matrices and vectors of two layers: the default layout of the checkers.
  public static let small = made([
    Entry("layers.0.query.weight", rows: 5, columns: 4, role: "query", layer: 0),
    Entry("layers.0.query.bias", rows: 5, role: "bias", layer: 0),
    Entry("layers.0.norm.weight", rows: 4, role: "norm", layer: 0),
    Entry("layers.1.value.weight", rows: 4, columns: 6, role: "value", layer: 1),
    Entry("layers.1.output.weight", rows: 3, columns: 3, role: "output", layer: 1),
  ])

  /// The blocks of a decoder with `layers` layers and `width` columns, with every role that attention has.
  public static func attention(layers: Int, width: Int) -> ParameterLayout {
    var entries = [Entry("embedding.weight", rows: 2 * width, columns: width, role: "embedding")]
    for layer in 0..<layers {
      entries.append(Entry("layers.\(layer).norm.weight", rows: width, role: "norm", layer: layer))
      for name in ["query", "key", "value", "output"] {
        entries.append(
          Entry(
            "layers.\(layer).\(name).weight", rows: width, columns: width, role: BlockRole(rawValue: name), layer: layer
          ))
        entries.append(Entry("layers.\(layer).\(name).bias", rows: width, role: "bias", layer: layer))
      }
      entries.append(Entry("layers.\(layer).dense.weight", rows: 2 * width, columns: width, layer: layer))
    }
    entries.append(Entry("head.weight", rows: 2, columns: width, role: "head"))
    return made(entries)
  }
}
