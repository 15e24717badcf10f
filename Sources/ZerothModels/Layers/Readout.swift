import CZeroth
import Foundation
import Zeroth

/// What is read out of a language model: logits only where they are needed.
public enum Readout: Sendable {
  /// The logits at each of `rows` (rows of the batch) of each of `ids`, or of the whole vocabulary: rows x ids.
  case logits(rows: [Int], ids: [Int]?)
  /// log p(targets[i] | the tokens up to rows[i]), over the whole vocabulary.
  case logProbabilities(rows: [Int], targets: [Int])

  /// The rows at which the model's output is needed.
  var rows: [Int] {
    switch self {
    case .logits(let rows, _): rows
    case .logProbabilities(let rows, _): rows
    }
  }

  /// Throws `InputError` for a row outside the batch or a token outside the vocabulary.
  func validate(rows count: Int, vocabulary: Int) throws(InputError) {
    if let row = rows.first(where: { !(0..<count).contains($0) }) {
      throw InputError("readout", found: "row \(row)", expected: "a row of the batch's \(count)")
    }
    let ids =
      switch self {
      case .logits(_, let ids): ids ?? []
      case .logProbabilities(_, let targets): targets
      }
    if let id = ids.first(where: { !(0..<vocabulary).contains($0) }) {
      throw InputError("readout", found: "token \(id)", expected: "an id below the vocabulary's \(vocabulary)")
    }
  }
}

extension Weights {
  /// The logits h W^T of each variant at the tokens `ids`: rows x ids.
  func logits(_ h: Matrix, _ head: ParameterBlock, ids: [Int]?) -> [[Double]] {
    let rows = h.rows / variants
    let width = ids?.count ?? head.rows
    return workspace.scope {
      let out = workspace.matrix(h.rows, width)
      if let ids {
        let w = workspace.matrix(variants * ids.count, head.columns)
        embed(ids, head, into: w)
        for v in 0..<variants {
          zeroth_multiply_stored(
            rows, width, head.columns, h.row(v * rows), head.columns, w.row(v * ids.count), head.columns, false,
            out.row(v * rows), width)
        }
      } else {
        linear(h, head, into: out)
      }
      return (0..<variants).map { v in
        UnsafeBufferPointer(start: out.row(v * rows), count: rows * width).map { Double($0) }
      }
    }
  }

  /// log softmax(h W^T)[target] for each row of each variant. The logits of a panel of the vocabulary live in scratch
  /// until they are summed: the whole matrix of logits never exists.
  func logProbabilities(_ h: Matrix, _ head: ParameterBlock, targets: [Int]) -> [[Double]] {
    let rows = h.rows / variants
    return workspace.scope {
      // A panel of logits takes about as much as a panel of displaced weights.
      let product = Product(h, head, self, limit: max(64, (1 << 19) / h.rows))
      let panels = product.panelCount
      let logits = product.scratchCount
      let tops = workspace.matrix(panels, h.rows)
      let sums = workspace.matrix(panels, 2 * h.rows)  // holds doubles
      let found = workspace.matrix(1, h.rows)
      workspace.forEach(panels, scratch: logits + h.rows * product.panelHeight) { i, scratch in
        let panel = product.panel(i)
        let out = scratch + logits
        zeroth_fill_rows(h.rows, panel.count, nil, out, panel.count)
        product.add(panel: panel, to: out, stride: panel.count, scratch: scratch)
        let panelSums = UnsafeMutableRawPointer(sums.row(i)).assumingMemoryBound(to: Double.self)
        for r in 0..<h.rows {
          zeroth_log_sum_parts(panel.count, out + r * panel.count, tops.row(i) + r, panelSums + r)
          let target = targets[r % rows]
          if panel.contains(target) { found.base[r] = out[r * panel.count + target - panel.lowerBound] }
        }
      }
      return (0..<variants).map { v in
        (0..<rows).map { row in
          let r = v * rows + row
          let top = (0..<panels).reduce(-Double.infinity) { max($0, Double(tops.row($1)[r])) }
          let sum = (0..<panels).reduce(0.0) { sum, i in
            let parts = UnsafeMutableRawPointer(sums.row(i)).assumingMemoryBound(to: Double.self)
            return sum + parts[r] * exp(Double(tops.row(i)[r]) - top)
          }
          return Double(found.base[r]) - top - log(sum)
        }
      }
    }
  }
}
