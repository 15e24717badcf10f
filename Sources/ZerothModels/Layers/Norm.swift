import CZeroth
import Zeroth

/// A norm: its formula, what it adds to the variance or mean square, and the places of its gain and bias in the layout.
struct Norm: Sendable {
  let kind: NormKind
  let gain: Int?
  let bias: Int?
}

extension Weights {
  /// The norm of the rows of `x`, as a new matrix.
  func apply(_ norm: Norm, to x: Matrix) -> Matrix {
    let y = workspace.matrix(x.rows, x.columns)
    let gain = norm.gain.map { layout.blocks[$0] }
    switch norm.kind {
    case .layer(let eps):
      layerNorm(x, gain: gain, bias: norm.bias.map { layout.blocks[$0] }, eps: Float(eps), into: y)
    case .rootMeanSquare(let eps, let offset):
      guard let gain else { preconditionFailure("an RMS norm has a gain") }
      rmsNorm(x, gain: gain, offset: Float(offset), eps: Float(eps), into: y)
    }
    return y
  }

  /// The norm of each of `count` heads of the rows of `x`, as a new matrix of the shape of `x`.
  func apply(_ norm: Norm, toHeads count: Int, of x: Matrix) -> Matrix {
    let heads = Matrix(base: x.base, rows: x.rows * count, columns: x.columns / count)
    return Matrix(base: apply(norm, to: heads).base, rows: x.rows, columns: x.columns)
  }

  /// out = layer norm of the rows of `x`: (x - mean) / sqrt(var + eps) * gain + bias.
  func layerNorm(_ x: Matrix, gain: ParameterBlock?, bias: ParameterBlock?, eps: Float, into out: Matrix) {
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

  /// out = RMS norm of the rows of `x`: x / sqrt(mean(x^2) + eps) * (offset + gain).
  func rmsNorm(_ x: Matrix, gain: ParameterBlock, offset: Float = 0, eps: Float, into out: Matrix) {
    workspace.scope {
      let ranges = rowRanges(of: x)
      let gains = vector(gain)
      if offset != 0 { for i in 0..<(gains.rows * gains.columns) { gains.base[i] += offset } }
      let state = (x: x, gains: gains, eps: eps, out: out, ranges: ranges)
      Parallel.forEach(ranges.count, with: state) { s, i, _ in
        let (v, rows) = (i / s.ranges.countInRun, s.ranges[i])
        zeroth_rms_norm(
          rows.count, s.x.columns, s.eps, s.gains.row(v), s.x.row(rows.lowerBound), s.out.row(rows.lowerBound))
      }
    }
  }
}
