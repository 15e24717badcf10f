import CZeroth
import Foundation
import Zeroth

extension Weights {
  /// Appends log p = l[target] - log sum exp(l) for each row of h, l = h W^T or cap tanh(h W^T / cap), and its derivative:
  ///
  ///     t = t_l[target] - <softmax(l), t_l>
  ///     d_l = d (onehot(target) - softmax(l)), which goes on as in a linear layer
  ///
  /// The logits of some rows exist at a time.
  func appendDifferentiatedLogProbabilities(
    _ h: Matrix, _ head: ParameterBlock, targets: [Int], cap: Float?, to values: inout [Double]
  ) {
    let count = h.rows / variants
    let parts = EqualRanges(0..<count, by: isTangent ? 128 : 256)
    var tangents: [Double] = []
    if isTangent {
      for rows in parts {
        workspace.scope {
          let l = logits(of: rows, of: h, head, cap: cap)
          for r in 0..<rows.count {
            let target = targets[rows.lowerBound + r]
            let (row, change) = (variant(0, of: l).row(r), variant(1, of: l).row(r))
            let tangent = change[target]
            let (value, mean) = logProbability(row, target, l.columns, mean: change)
            values.append(value)
            tangents.append(Double(tangent) - mean)
          }
        }
      }
      values += tangents
      return
    }
    guard let tape else { return }
    _ = tape.use(head)
    // Without recomputation the logits stay, on the tape.
    let kept = tape.isRecording && !tape.recomputes ? tape.matrix(count, head.rows) : nil
    for rows in parts {
      workspace.scope {
        let l = logits(of: rows, of: h, head, cap: cap)
        if let kept { kept.rows(rows).take(l) }
        for r in 0..<rows.count {
          values.append(logProbability(l.row(r), targets[rows.lowerBound + r], l.columns, mean: nil).value)
        }
      }
    }
    guard tape.isRecording else { return }
    let input = tape.save(h)
    tape.output { [self] adjoints in
      for rows in parts {
        workspace.scope {
          let l = kept?.rows(rows) ?? logits(of: rows, of: input, head, cap: cap)
          becomeAdjoints(l, adjoints[rows], targets[rows], cap)
          if let gradient = tape.gradient(of: head) {
            addOuterProduct(
              of: l, input.rows(rows), to: gradient, head, rows: 0..<head.rows, columns: 0..<head.columns)
          }
          multiply(
            l, head, rows: 0..<head.rows, columns: 0..<head.columns, addingTo: adjoint(of: h).rows(rows))
        }
      }
    }
  }

  /// The logits of the rows `rows` of each variant of h: variants * rows.count x vocabulary.
  private func logits(of rows: Range<Int>, of h: Matrix, _ head: ParameterBlock, cap: Float?) -> Matrix {
    let l = workspace.matrix(variants * rows.count, head.rows)
    workspace.scope {
      let some = workspace.matrix(variants * rows.count, h.columns)
      for v in 0..<variants { variant(v, of: some).take(variant(v, of: h).rows(rows)) }
      let packed = pack(rows: some.rows, columns: some.columns, weightCount: variants) { some }
      product(packed, head, into: .rows(l))
      if isTangent, !areLowRank, !moving(head).isEmpty {
        displacedAlone().product(
          packed.variant(0), head, into: .rows(variant(1, of: l)), accumulate: true, displacementAlone: true)
      }
    }
    if let cap {
      zeroth_soft_cap(l.count / variants, 1, cap, l.base)
      if isTangent { multiplyByCapSlope(variant(1, of: l), variant(0, of: l), cap) }
    }
    return l
  }

  /// log softmax(row)[target], and the mean of `mean` under softmax(row).
  private func logProbability(
    _ row: UnsafeMutablePointer<Float>, _ target: Int, _ count: Int, mean: UnsafeMutablePointer<Float>?
  ) -> (value: Double, mean: Double) {
    let found = Double(row[target])
    let log = logSum(row, count)
    guard let mean else { return (found - log, 0) }
    var sum = 0.0
    for j in 0..<count { sum += exp(Double(row[j]) - log) * Double(mean[j]) }
    return (found - log, sum)
  }

  private func logSum(_ row: UnsafePointer<Float>, _ count: Int) -> Double {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 32) { state in
      guard let lanes = state.baseAddress else { return .nan }
      lanes.update(repeating: -.greatestFiniteMagnitude, count: 16)
      (lanes + 16).update(repeating: 0, count: 16)
      zeroth_log_sum_add(1, count, row, count, lanes)
      var (largest, sum) = (Float(0), 0.0)
      zeroth_log_sum_parts(lanes, &largest, &sum)
      return Double(largest) + log(sum)
    }
  }

  /// Logits l become what the adjoints of the log-probabilities are for them.
  private func becomeAdjoints(_ l: Matrix, _ adjoints: ArraySlice<Double>, _ targets: ArraySlice<Int>, _ cap: Float?) {
    let (adjoints, targets) = (Array(adjoints), Array(targets))
    forEachRow(of: l) { r in
      let row = l.row(r)
      let log = Float(logSum(row, l.columns))
      let d = Float(adjoints[r])
      withUnsafeTemporaryAllocation(of: Float.self, capacity: cap == nil ? 1 : l.columns) { slopes in
        if let cap { for j in 0..<l.columns { slopes[j] = 1 - (row[j] / cap) * (row[j] / cap) } }
        zeroth_exponentiate(l.columns, log, -d, row)
        row[targets[r]] += d
        if cap != nil, let start = slopes.baseAddress { zeroth_multiply(l.columns, start, row) }
      }
    }
  }
}

extension Matrix {
  /// The rows `rows`.
  func rows(_ rows: Range<Int>) -> Matrix { Matrix(base: row(rows.lowerBound), rows: rows.count, columns: columns) }
}
