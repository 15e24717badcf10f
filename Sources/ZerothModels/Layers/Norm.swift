import CZeroth
import Zeroth

/// A norm: its formula, the number that it adds to the variance or mean square, and the indices of its gain and bias in
/// the layout.
struct Norm: Sendable {
  let kind: NormKind
  let gain: Int?
  let bias: Int?
}

extension Norm {
  /// The factors of the normed values. `stored` is the stored gain, in variant 0.
  fileprivate func gains(_ stored: Matrix) -> Matrix {
    if case .rootMeanSquare(_, let offset) = kind, offset != 0 {
      for j in 0..<stored.columns { stored.base[j] += Float(offset) }
    }
    return stored
  }
}

extension Weights {
  /// The norm of the rows of `x`, as a new matrix.
  func apply(_ norm: Norm, to x: Matrix) -> Matrix {
    let y = workspace.matrix(x.rows, x.columns)
    if areDifferentiated {
      differentiate(norm, of: x, into: y)
      return y
    }
    apply(norm, to: x, into: y)
    return y
  }

  /// The norm of the rows of `x`, without its derivative.
  private func apply(_ norm: Norm, to x: Matrix, into y: Matrix) {
    let gain = norm.gain.map { layout.blocks[$0] }
    switch norm.kind {
    case .layer(let eps):
      layerNorm(x, gain: gain, bias: norm.bias.map { layout.blocks[$0] }, eps: Float(eps), into: y)
    case .rootMeanSquare(let eps, let offset):
      guard let gain else { preconditionFailure("an RMS norm has a gain") }
      rmsNorm(x, gain: gain, offset: Float(offset), eps: Float(eps), into: y)
    }
  }

  /// y = g n + b, where n are the normed rows of x, and its derivative. N is the linear map that a norm applies to
  /// small differences of its input. It is its own transpose (`zeroth_norm_derivative`):
  ///
  ///     t_y = g N t_x + t_g n + t_b
  ///     d_x += N (g d),  d_g += sum of d n over the rows,  d_b += sum of d,  d = 0
  private func differentiate(_ norm: Norm, of x: Matrix, into y: Matrix) {
    let values = isTangent ? variant(0, of: x) : x
    let (gain, bias) = (norm.gain.map { layout.blocks[$0] }, norm.bias.map { layout.blocks[$0] })
    workspace.scope {
      let gains = gain.map { norm.gains(vector($0)) }
      let biases = bias.map { vector($0) }
      if isTangent {
        let (t, change) = (variant(1, of: x), variant(1, of: y))
        normed(values, norm, gains: nil, biases: nil, into: variant(0, of: y))
        normDerivative(norm, of: values, t, into: change)
        let n = variant(0, of: y)
        forEachRow(of: t) { r in
          let (out, normed) = (change.row(r), n.row(r))
          for j in 0..<t.columns {
            out[j] = out[j] * (gains?.row(0)[j] ?? 1) + normed[j] * (gains?.row(1)[j] ?? 0) + (biases?.row(1)[j] ?? 0)
          }
        }
      }
      normed(values, norm, gains: gains, biases: biases, into: isTangent ? variant(0, of: y) : y)
    }
    guard let tape else { return }
    let isLive = tape.use(gain)
    _ = tape.use(bias)
    guard tape.isRecording else { return }
    let saved = tape.save(x)
    tape.record { [self] in
      let d = adjoint(of: y)
      workspace.scope {
        let product = workspace.matrix(x.rows, x.columns)
        if let target = gain.flatMap(tape.gradient) {
          normed(saved, norm, gains: nil, biases: nil, into: product)
          multiplyRows(product, by: d)
          addSum(ofRowsOf: product, to: target)
        }
        if let target = bias.flatMap(tape.gradient) { addSum(ofRowsOf: d, to: target) }
        if isLive {
          if let gains = gain.map({ norm.gains(vector($0)) }) {
            forEachRow(of: d) { zeroth_multiply(d.columns, gains.row(0), d.row($0)) }
          }
          normDerivative(norm, of: saved, d, into: product)
          addRows(product, to: adjoint(of: x))
        }
      }
      d.clear()
    }
  }

  /// The normed rows of x, times the gains plus the biases where there are any.
  private func normed(_ x: Matrix, _ norm: Norm, gains: Matrix?, biases: Matrix?, into y: Matrix) {
    switch norm.kind {
    case .layer(let eps):
      forEachRow(of: x) {
        zeroth_layer_norm(1, x.columns, Float(eps), gains?.row(0), biases?.row(0), x.row($0), y.row($0))
      }
    case .rootMeanSquare(let eps, _):
      forEachRow(of: x) { zeroth_rms_norm(1, x.columns, Float(eps), gains?.row(0), x.row($0), y.row($0)) }
    }
  }

  private func normDerivative(_ norm: Norm, of x: Matrix, _ v: Matrix, into out: Matrix) {
    switch norm.kind {
    case .layer(let eps):
      forEachRow(of: x) { zeroth_norm_derivative(true, 1, x.columns, Float(eps), x.row($0), v.row($0), out.row($0)) }
    case .rootMeanSquare(let eps, _):
      forEachRow(of: x) { zeroth_norm_derivative(false, 1, x.columns, Float(eps), x.row($0), v.row($0), out.row($0)) }
    }
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
