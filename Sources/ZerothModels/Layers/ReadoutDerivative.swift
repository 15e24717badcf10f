import CZeroth
import Foundation
import Zeroth

extension Weights {
  /// Appends log p = l[target] - log sum exp(l) for each row of h, where l = h W^T or cap tanh(h W^T / cap), with its
  /// derivative:
  ///
  ///     t = t_l[target] - <softmax(l), t_l>
  ///     d_l = d (onehot(target) - softmax(l)), which goes on as in a linear layer
  ///
  /// In the forward derivative the logits of some tokens are in memory at a time. On a tape, those of some rows are.
  func appendDifferentiatedLogProbabilities(
    _ h: Matrix, _ head: ParameterBlock, targets: [Int], cap: Float?, to values: inout [Double]
  ) {
    if isTangent { return appendLogProbabilitiesAndTangents(h, head, targets: targets, cap: cap, to: &values) }
    guard let tape else { return }
    _ = tape.use(head)
    let count = h.rows
    let parts = EqualRanges(0..<count, by: 256)
    // Without recomputation the logits are kept on the tape.
    let kept = tape.isRecording && !tape.recomputes ? tape.matrix(count, head.rows) : nil
    for rows in parts {
      workspace.scope {
        let l = kept?.rows(rows) ?? workspace.matrix(rows.count, head.rows)
        readOut(rows, of: h, head, cap: cap, into: l)
        values += logProbabilities(l, targets[rows])
      }
    }
    guard tape.isRecording else { return }
    let input = tape.save(h)
    tape.output { [self] adjoints in
      for rows in parts {
        workspace.scope {
          let l = kept?.rows(rows) ?? workspace.matrix(rows.count, head.rows)
          if kept == nil { readOut(rows, of: input, head, cap: cap, into: l) }
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

  /// Appends the log-probabilities, followed by their tangents.
  private func appendLogProbabilitiesAndTangents(
    _ h: Matrix, _ head: ParameterBlock, targets: [Int], cap: Float?, to values: inout [Double]
  ) {
    let count = h.rows / variants
    var tangents: [Double] = []
    workspace.scope {
      let packed = pack(h)
      let states = workspace.matrix(count, 48)
      let found = workspace.matrix(count, 2)
      for r in 0..<count {
        states.row(r).update(repeating: -.greatestFiniteMagnitude, count: 16)
        (states.row(r) + 16).update(repeating: 0, count: 32)
      }
      for tokens in EqualRanges(0..<head.rows, by: max(64, (1 << 21) / max(1, h.rows) / 64 * 64)) {
        workspace.scope {
          let l = logits(of: packed, head, tokens, cap: cap)
          let (values, changes) = (variant(0, of: l), variant(1, of: l))
          forEachRow(of: values) { r in
            zeroth_log_sum_add_tangent(l.columns, values.row(r), changes.row(r), states.row(r))
            guard tokens.contains(targets[r]) else { return }
            found.row(r)[0] = values.row(r)[targets[r] - tokens.lowerBound]
            found.row(r)[1] = changes.row(r)[targets[r] - tokens.lowerBound]
          }
        }
      }
      for r in 0..<count {
        var (largest, sum) = (Float(0), 0.0)
        zeroth_log_sum_parts(states.row(r), &largest, &sum)
        values.append(Double(found.row(r)[0]) - (Double(largest) + log(sum)))
        tangents.append(Double(found.row(r)[1]) - zeroth_log_sum_mean(states.row(r)))
      }
    }
    values += tangents
  }

  /// l = the logits of the rows `rows` of h: rows.count x vocabulary.
  private func readOut(_ rows: Range<Int>, of h: Matrix, _ head: ParameterBlock, cap: Float?, into l: Matrix) {
    workspace.scope {
      product(pack(rows: rows.count, columns: h.columns, weightCount: 1) { h.rows(rows) }, head, into: .rows(l))
    }
    if let cap { zeroth_soft_cap(l.count, 1, cap, l.base) }
  }

  /// log softmax(row)[target] for each row of l.
  private func logProbabilities(_ l: Matrix, _ targets: ArraySlice<Int>) -> [Double] {
    let targets = Array(targets)
    return [Double](unsafeUninitializedCapacity: l.rows) { results, count in
      nonisolated(unsafe) let results = results
      forEachRow(of: l) { r in results[r] = Double(l.row(r)[targets[r]]) - logSum(l.row(r), l.columns) }
      count = l.rows
    }
  }

  /// The logits of `tokens` for all rows, and their tangents: 2 R x tokens.count.
  private func logits(of h: PackedRows, _ head: ParameterBlock, _ tokens: Range<Int>, cap: Float?) -> Matrix {
    let l = workspace.matrix(h.rows, tokens.count)
    product(h, head, rows: tokens, into: .rows(l))
    if !areLowRank, !moving(head).isEmpty {
      displacedAlone().product(
        h.variant(0), head, rows: tokens, into: .rows(variant(1, of: l)), accumulate: true, displacementAlone: true)
    }
    if let cap {
      zeroth_soft_cap(l.count / variants, 1, cap, l.base)
      multiplyByCapSlope(variant(1, of: l), variant(0, of: l), cap)
    }
    return l
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

  /// Replaces logits l by their adjoints, for the given adjoints of the log-probabilities.
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
