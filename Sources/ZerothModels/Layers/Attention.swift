import CZeroth
import Zeroth

extension Weights {
  /// Causal attention within the segments of `batch`: softmax(q k^T / sqrt(d)) v for each head, written over `q`.
  ///
  /// q is variants * R x heads * d; k and v are variants * R x keyHeads * d, each head of theirs shared by
  /// heads / keyHeads of q's (grouped-query attention).
  func attention(_ q: Matrix, _ k: Matrix, _ v: Matrix, heads: Int, keyHeads: Int, _ batch: TokenBatch) {
    let rows = q.rows / variants
    let head = q.columns / heads
    let scale = 1 / Float(head).squareRoot()
    let rowsAtOnce = 128
    let segments = batch.segments
    let longest = segments.map { $0.count + ($0.prefix.map { segments[$0].count } ?? 0) }.max() ?? 0
    workspace.forEach(variants * segments.count * heads, scratch: min(rowsAtOnce, longest) * longest) { i, scores in
      let segment = segments[i / heads % segments.count]
      let first = i / heads / segments.count * rows
      let column = i % heads * head
      let keyColumn = i % heads / (heads / keyHeads) * head
      let start = first + segment.start
      let prefix = segment.prefix.map { segments[$0] }
      let prefixStart = first + (prefix?.start ?? 0)
      let queries = q.row(start) + column
      zeroth_attention(
        segment.count, prefix?.count ?? 0, head, scale, queries, q.columns, k.row(start) + keyColumn,
        v.row(start) + keyColumn, k.row(prefixStart) + keyColumn, v.row(prefixStart) + keyColumn, k.columns, queries,
        q.columns, scores, rowsAtOnce)
    }
  }

  /// Rotary embedding of the heads of `x` by the positions of `batch` (Su et al. 2021, in the half-split form).
  func rotate(_ x: Matrix, heads: Int, _ batch: TokenBatch, _ table: RotaryTable) {
    let head = x.columns / heads
    let half = head / 2
    let rows = x.rows / variants
    let positions = batch.positions
    table.extend(to: (positions.max() ?? 0) + 1)
    table.withAngles { cosines, sines in
      forRows(x) { _, range in
        for r in range {
          let at = positions[r % rows] * half
          for h in 0..<heads {
            zeroth_rotate(head, cosines.address + at, sines.address + at, x.row(r) + h * head)
          }
        }
      }
    }
  }
}
