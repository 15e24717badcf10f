import CZeroth
import Zeroth

extension Weights {
  /// y += W2 f(W1 x), piece by piece. y may be what x was packed from.
  func feedForward(_ up: Linear, _ down: Linear, _ activation: zeroth_activation, of x: PackedRows, into y: Matrix) {
    let width = layout.blocks[up.weight].rows
    for part in pieces(of: width, unit: 64, count: width / x.columns, for: y) {
      workspace.scope {
        // Packed as they are made: the rows of what is between the two are never stored.
        let f = PackedRows(rows: x.rows, columns: part.count, groups: x.groups, workspace)
        linear(
          x, layout.blocks[up.weight], rows: part, bias: up.bias.map { layout.blocks[$0] }, into: .packed(f),
          activation: activation)
        apply(down, columns: part, to: f, into: y, accumulate: true)
      }
    }
  }
}
