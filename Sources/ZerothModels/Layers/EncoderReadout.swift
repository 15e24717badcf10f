import CZeroth
import Zeroth

/// What an encoder computes for a batch.
public enum EncoderReadout: Sendable {
  /// The masked-LM head's logits at each of `rows` (rows of the batch) of each of `ids`, or of the whole vocabulary:
  /// rows x ids.
  case logits(rows: [Int], ids: [Int]?)
  /// The last hidden states at each of `rows`: rows x hidden.
  case hidden(rows: [Int])
  /// The mean of the last hidden states over each sequence's tokens: sequences x hidden.
  case pooled
  /// The scores of the classes for each sequence, sequences x classes: `EncoderModel.labelScale` H pooled / |pooled|
  /// from the label head, or without one those of the checkpoint's own classifier.
  case labelScores
}

extension Weights {
  /// The logits `scale` h W^T + bias of each variant at the tokens `ids`, or at all: variants x rows x ids.
  func logits(
    _ h: Matrix, _ head: ParameterBlock, bias: ParameterBlock? = nil, ids: [Int]? = nil, scale: Float = 1
  ) -> [Double] {
    var values: [Double] = []
    appendLogits(h, head, ids: ids, bias: bias, scale: scale, to: &values)
    return values
  }

  /// The mean of the rows of `x` over each segment: variants * segments x columns.
  ///
  ///     t = the mean of the t of the rows;  d_x of each row += d / rows, d = 0
  func mean(_ x: Matrix, over segments: [TokenBatch.Segment]) -> Matrix {
    let means = workspace.matrix(variants * segments.count, x.columns)
    let state = (x: x, means: means, segments: segments, rows: x.rows / variants)
    Parallel.forEach(means.rows, with: state) { s, i, _ in
      let segment = s.segments[i % s.segments.count]
      let first = i / s.segments.count * s.rows + segment.start
      let mean = s.means.row(i)
      mean.update(repeating: 0, count: s.x.columns)
      for row in first..<(first + segment.count) { zeroth_axpy(s.x.columns, 1, s.x.row(row), mean) }
      zeroth_scale(s.x.columns, 1 / Float(segment.count), mean)
    }
    if let tape {
      tape.record { [self] in
        let (d, source) = (adjoint(of: means), adjoint(of: x))
        for (i, segment) in segments.enumerated() {
          for row in segment.start..<(segment.start + segment.count) {
            zeroth_axpy(x.columns, 1 / Float(segment.count), d.row(i), source.row(row))
          }
        }
        d.clear()
      }
    }
    return means
  }

  /// Divides every row by its length, at least 1e-12, as `torch.nn.functional.normalize` does. Where u is the row after
  /// the division:
  ///
  ///     t = (t - u <u, t>) / length,  d = (d - u <u, d>) / length
  func normalizeRows(_ x: Matrix) {
    let lengths = (0..<(isTangent ? x.rows / 2 : x.rows)).map { i in
      Float(max(zeroth_dot(x.columns, x.row(i), x.row(i)).squareRoot(), 1e-12))
    }
    for (i, length) in lengths.enumerated() { zeroth_scale(x.columns, 1 / length, x.row(i)) }
    if isTangent { differentiateNormalization(of: variant(1, of: x), units: variant(0, of: x), lengths) }
    if let tape, tape.isRecording {
      let units = tape.save(x)
      tape.record { [self] in differentiateNormalization(of: adjoint(of: x), units: units, lengths) }
    }
  }

  private func differentiateNormalization(of t: Matrix, units: Matrix, _ lengths: [Float]) {
    for (i, length) in lengths.enumerated() {
      let (values, unit) = (t.row(i), units.row(i))
      let along = (0..<t.columns).reduce(0.0) { $0 + Double(values[$1]) * Double(unit[$1]) }
      for j in 0..<t.columns { values[j] = (values[j] - unit[j] * Float(along)) / length }
    }
  }

  /// The values of each variant, row by row. They leave the model here.
  func values(_ x: Matrix) -> [Double] {
    var values: [Double] = []
    append(x, to: &values)
    return values
  }

  /// Appends the elements of x to the values that leave the model. On a tape, their adjoints come in here.
  func append(_ x: Matrix, to values: inout [Double]) {
    for i in 0..<x.count { values.append(Double(x.base[i])) }
    tape?.output { [self] adjoints in
      let d = adjoint(of: x)
      for i in 0..<x.count { d.base[i] = Float(adjoints[i]) }
    }
  }
}
