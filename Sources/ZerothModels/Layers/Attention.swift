import CZeroth
import Zeroth

extension Weights {
  /// Attention within the segments of `batch`: softmax(q k^T / sqrt(d)) v for each head, written over `q`. A token sees
  /// its whole segment or, if `isCausal`, the tokens up to itself, those that the segment continues included.
  ///
  /// q is variants * R x heads * d; k and v are variants * R x keyHeads * d, each head of theirs shared by
  /// heads / keyHeads of q's (grouped-query attention). `layer` is the place of k and v in the batch's cache.
  func attention(
    _ q: Matrix, _ k: Matrix, _ v: Matrix, heads: Int, keyHeads: Int, _ batch: TokenBatch, isCausal: Bool = true,
    layer: Int = 0
  ) {
    let head = q.columns / heads
    let scale = 1 / Float(head).squareRoot()
    let rowsAtOnce = 128
    let rows = q.rows / variants
    let segments = batch.segments
    precondition(batch.cache == nil || variants == 1, "a cache holds the keys of one variant")
    precondition(isCausal || segments.allSatisfy { $0.prefix == nil }, "what sees all of a sequence continues none")
    batch.cache?.store(k, v, layer: layer, segments)
    let seen = (0..<variants).flatMap { variant in
      segments.indices.map { SeenKeys(of: $0, in: batch, firstRow: variant * rows, k, v, layer: layer) }
    }
    let longest = zip(segments, seen).map { $0.count + $1.prefixCount }.max() ?? 0
    workspace.forEach(seen.count * heads, scratch: min(rowsAtOnce, longest) * longest) { i, scores in
      let segment = segments[i / heads % segments.count]
      let seen = seen[i / heads]
      let column = i % heads * head
      let keyColumn = i % heads / (heads / keyHeads) * head
      let queries = q.row(i / heads / segments.count * rows + segment.start) + column
      zeroth_attention(
        isCausal, segment.count, seen.prefixCount, head, scale, queries, q.columns, seen.keys + keyColumn,
        seen.values + keyColumn, seen.prefixKeys + keyColumn, seen.prefixValues + keyColumn, k.columns, queries,
        q.columns, scores, rowsAtOnce)
    }
  }

  /// Where the keys and values are that a segment sees: those of what it continues, and its own.
  private struct SeenKeys: @unchecked Sendable {
    var prefixCount = 0
    var prefixKeys, prefixValues, keys, values: UnsafePointer<Float>

    init(of index: Int, in batch: TokenBatch, firstRow: Int, _ k: Matrix, _ v: Matrix, layer: Int) {
      let segment = batch.segments[index]
      if let cache = batch.cache {
        prefixCount = cache.count(of: index)
        (prefixKeys, prefixValues) = cache.rows(of: index, layer: layer)
        keys = prefixKeys + prefixCount * k.columns
        values = prefixValues + prefixCount * k.columns
      } else {
        let prefix = segment.prefix.map { batch.segments[$0] }
        prefixCount = prefix?.count ?? 0
        prefixKeys = UnsafePointer(k.row(firstRow + (prefix?.start ?? 0)))
        prefixValues = UnsafePointer(v.row(firstRow + (prefix?.start ?? 0)))
        keys = UnsafePointer(k.row(firstRow + segment.start))
        values = UnsafePointer(v.row(firstRow + segment.start))
      }
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
