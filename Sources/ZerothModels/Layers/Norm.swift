import CZeroth
import Zeroth

/// A layer norm: places of its gain and bias in the layout, and what it adds to the variance.
struct Norm: Sendable {
  let gain: Int?
  let bias: Int?
  let eps: Float
}

extension Weights {
  /// `layerNorm` of `x` with the blocks of `norm`, as a new matrix.
  func apply(_ norm: Norm, to x: Matrix) -> Matrix {
    let y = workspace.matrix(x.rows, x.columns)
    layerNorm(
      x, gain: norm.gain.map { layout.blocks[$0] }, bias: norm.bias.map { layout.blocks[$0] }, eps: norm.eps, into: y)
    return y
  }

  /// out = layer norm of the rows of `x`: (x - mean) / sqrt(var + eps) * gain + bias.
  func layerNorm(_ x: Matrix, gain: ParameterBlock?, bias: ParameterBlock?, eps: Float = 1e-5, into out: Matrix) {
    workspace.scope {
      let ranges = rowRanges(of: x)
      let state = (
        x: x, gains: gain.map { vector($0) }, biases: bias.map { vector($0) }, eps: eps, out: out, ranges: ranges
      )
      Parallel.forEach(ranges.count, with: state) { s, i, _ in
        let (v, rows) = (i / s.ranges.countInRun, s.ranges[i])
        zeroth_layer_norm(
          rows.count, s.x.columns, s.eps, s.gains?.row(v), s.biases?.row(v), s.x.row(rows.lowerBound),
          s.out.row(rows.lowerBound))
      }
    }
  }

  /// out = RMS norm of the rows of `x`: x / sqrt(mean(x^2) + eps) * gain.
  func rmsNorm(_ x: Matrix, gain: ParameterBlock, eps: Float, into out: Matrix) {
    workspace.scope {
      let ranges = rowRanges(of: x)
      let state = (x: x, gains: vector(gain), eps: eps, out: out, ranges: ranges)
      Parallel.forEach(ranges.count, with: state) { s, i, _ in
        let (v, rows) = (i / s.ranges.countInRun, s.ranges[i])
        zeroth_rms_norm(
          rows.count, s.x.columns, s.eps, s.gains.row(v), s.x.row(rows.lowerBound), s.out.row(rows.lowerBound))
      }
    }
  }
}
