import CZeroth
import Zeroth

/// What is read out of an encoder.
public enum EncoderReadout: Sendable {
  /// The masked-LM head's logits at each of `rows` (rows of the batch) of each of `ids`, or of the whole vocabulary:
  /// rows x ids.
  case logits(rows: [Int], ids: [Int]?)
  /// The last hidden states at each of `rows`: rows x hidden.
  case hidden(rows: [Int])
  /// The mean of the last hidden states over each sequence's tokens: sequences x hidden.
  case pooled
  /// The label head's scores of each sequence, `EncoderModel.labelScale` H pooled / |pooled|, or without one those of the
  /// checkpoint's own classifier: sequences x classes.
  case labelScores
}

extension Weights {
  /// The logits h W^T of each variant: rows x all tokens.
  func logits(_ h: Matrix, _ head: ParameterBlock) -> [[Double]] {
    var values: [Double] = []
    appendLogits(h, head, ids: nil, to: &values)
    return values.cut(into: variants)
  }

  /// The logits h W^T + bias of each variant at the tokens `ids`: rows x ids.
  func logits(_ h: Matrix, _ head: ParameterBlock, bias: ParameterBlock, ids: [Int]?) -> [[Double]] {
    var values: [Double] = []
    appendLogits(h, head, ids: ids, to: &values)
    workspace.scope {
      let biases = vector(bias)
      let width = ids?.count ?? head.rows
      for i in values.indices {
        values[i] += Double(biases.row(i / (values.count / variants))[ids?[i % width] ?? i % width])
      }
    }
    return values.cut(into: variants)
  }

  /// The mean of the rows of `x` over each segment: variants * segments x columns.
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
    return means
  }

  /// The values of each variant, row by row.
  func values(_ x: Matrix) -> [[Double]] {
    let count = x.rows / variants * x.columns
    return (0..<variants).map { v in
      UnsafeBufferPointer(start: x.base + v * count, count: count).map { Double($0) }
    }
  }
}

extension Matrix {
  /// Every row divided by its length, at least 1e-12, as `torch.nn.functional.normalize` does.
  func normalizeRows() {
    for i in 0..<rows {
      let length = zeroth_sum_of_squares(columns, row(i)).squareRoot()
      zeroth_scale(columns, Float(1 / max(length, 1e-12)), row(i))
    }
  }
}
