import CZeroth
import Zeroth

extension Weights {
  /// y += W2 f(W1 x), for some outputs of W1 at a time. y may be the matrix from which x was packed.
  func feedForward(_ up: Linear, _ down: Linear, _ activation: zeroth_activation, of x: PackedRows, into y: Matrix) {
    let width = layout.blocks[up.weight].rows
    for outputs in outputRanges(of: width, unit: 64, count: width / x.columns, for: y) {
      workspace.scope {
        if areDifferentiated {
          return apply(
            down, columns: outputs, to: apply(up, rows: outputs, to: x, activation: activation), into: y,
            accumulate: true)
        }
        // The activations between the two layers are packed as they are computed, and never stored as rows.
        let f = PackedRows(rows: x.rows, columns: outputs.count, weightCount: x.weightCount, workspace)
        linear(
          x, layout.blocks[up.weight], rows: outputs, bias: up.bias.map { layout.blocks[$0] }, into: .packed(f),
          activation: activation)
        apply(down, columns: outputs, to: f, into: y, accumulate: true)
      }
    }
  }

  /// y += D (f(G x) * U x), for some outputs of G and U at a time. The cut is the one that `whole` would have.
  func gatedFeedForward(
    _ gate: Linear, _ up: Linear, _ down: Linear, _ activation: zeroth_activation, of x: PackedRows, into y: Matrix,
    cutFor whole: Matrix
  ) {
    let width = layout.blocks[up.weight].rows
    for outputs in outputRanges(of: width, unit: 64, count: width / x.columns, for: whole) {
      workspace.scope {
        let f = apply(gate, rows: outputs, to: x, activation: activation)
        multiply(f, by: apply(up, rows: outputs, to: x))
        apply(down, columns: outputs, to: f, into: y, accumulate: true)
      }
    }
  }
}
