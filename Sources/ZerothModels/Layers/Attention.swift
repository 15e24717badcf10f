import CZeroth
import Zeroth

extension Weights {
  /// Attention within the segments of `batch`: softmax(scale q k^T) v for each head, written over `q`. A token sees its whole
  /// segment or, if `isCausal`, the tokens up to itself, those that the segment continues included; with `window` the last
  /// so many of these alone, which includes itself.
  ///
  /// q is variants * R x heads * d; k and v are variants * R x keyHeads * d, each head of theirs shared by
  /// heads / keyHeads of q's (grouped-query attention). `layer` is the place of k and v in the batch's cache, and of the
  /// virtual tokens that stand in front of every segment, whose columns from `keyColumn` on are those of k. The scale is
  /// 1 / sqrt(d) unless given; with `cap` the scores are cap tanh(scale q k^T / cap).
  func attention(
    _ q: Matrix, _ k: Matrix, _ v: Matrix, heads: Int, keyHeads: Int, _ batch: TokenBatch, isCausal: Bool = true,
    window: Int? = nil, scale: Float? = nil, cap: Float? = nil, layer: Int = 0, keyColumn: Int = 0
  ) {
    let rowsAtOnce = 128
    let segments = batch.segments
    precondition(batch.cache == nil || variants == 1, "a cache holds the keys of one variant")
    precondition(isCausal || segments.allSatisfy { $0.prefix == nil }, "what sees all of a sequence continues none")
    precondition(isCausal || window == nil, "what sees all of a sequence has no window")
    let front = FrontKeys(k, v, layer: layer, column: keyColumn, batch, self)
    batch.cache?.store(k, v, layer: layer, segments, behind: front)
    let longest = frontTokens + segments.indices.reduce(0) { max($0, segments[$1].count + batch.prefixCount(of: $1)) }
    let scratch = workspace.scratch(min(rowsAtOnce, longest) * longest)
    let heads = Heads(
      q: q, k: k, v: v, count: heads, sharing: heads / keyHeads, batch: batch, isCausal: isCausal, window: window ?? 0,
      scale: scale ?? 1 / Float(q.columns / heads).squareRoot(), cap: cap ?? 0, layer: layer, front: front,
      rows: q.rows / variants, rowsAtOnce: rowsAtOnce, scratch: scratch)
    Parallel.forEach(variants * segments.count * heads.count, workers: scratch.workers, heads)
  }

  /// What the threads of `attention` share, and what they do: each computes a head of a segment of a variant at a time.
  private struct Heads: ~Copyable, ParallelWork {
    let q, k, v: Matrix
    let count, sharing: Int
    let batch: TokenBatch
    let isCausal: Bool
    let window: Int
    let scale, cap: Float
    let layer: Int
    let front: FrontKeys?
    let rows, rowsAtOnce: Int
    let scratch: Scratch

    func run(_ i: Int, _ worker: Int) {
      let width = q.columns / count
      let column = i % count * width
      let keyColumn = i % count / sharing * width
      let index = i / count % batch.segments.count
      let segment = batch.segments[index]
      let firstRow = i / count / batch.segments.count * rows
      let seen = SeenKeys(of: index, in: batch, firstRow: firstRow, k, v, layer: layer, front, variant: firstRow / rows)
      let queries = q.row(firstRow + segment.start) + column
      zeroth_attention(
        isCausal, window, segment.count, seen.prefixCount, width, scale, cap, queries, q.columns,
        seen.keys + keyColumn, seen.values + keyColumn, seen.prefixKeys + keyColumn, seen.prefixValues + keyColumn,
        k.columns, queries, q.columns, scratch[worker], rowsAtOnce)
    }
  }

  /// Where the keys and values are that a segment sees: those of what it continues, and its own.
  private struct SeenKeys: @unchecked Sendable {
    let prefixCount: Int
    let prefixKeys, prefixValues, keys, values: UnsafePointer<Float>

    init(
      of index: Int, in batch: TokenBatch, firstRow: Int, _ k: Matrix, _ v: Matrix, layer: Int, _ front: FrontKeys?,
      variant: Int
    ) {
      let segment = batch.segments[index]
      prefixCount = (front?.tokens ?? 0) + batch.prefixCount(of: index)
      if let cache = batch.cache {
        (prefixKeys, prefixValues) = cache.rows(of: index, layer: layer)
        keys = prefixKeys + prefixCount * k.columns
        values = prefixValues + prefixCount * k.columns
      } else if let front {
        (prefixKeys, prefixValues) = front.rows(before: segment, variant: variant)
        keys = UnsafePointer(k.row(firstRow + segment.start))
        values = UnsafePointer(v.row(firstRow + segment.start))
      } else {
        let start = segment.prefix.map { batch.segments[$0].start } ?? 0
        prefixKeys = UnsafePointer(k.row(firstRow + start))
        prefixValues = UnsafePointer(v.row(firstRow + start))
        keys = UnsafePointer(k.row(firstRow + segment.start))
        values = UnsafePointer(v.row(firstRow + segment.start))
      }
    }
  }

  /// Rotary embedding of the heads of `x`, or of the first elements of each that `table` has angles for, by the positions
  /// of `batch` (Su et al. 2021, in the half-split form).
  func rotate(_ x: Matrix, heads: Int, _ batch: TokenBatch, _ table: RotaryTable) {
    let positions = batch.positions
    let ranges = rowRanges(of: x)
    let first = frontTokens
    table.withAngles(below: first + (positions.max() ?? 0) + 1, longest: first + batch.longest) { cosines, sines in
      let state = (
        x: x, head: x.columns / heads, width: table.width, rows: x.rows / variants, positions: positions, first: first,
        cosines: cosines, sines: sines, ranges: ranges
      )
      Parallel.forEach(ranges.count, with: state) { s, i, _ in
        for r in s.ranges[i] {
          let at = (s.first + s.positions[r % s.rows]) * (s.width / 2)
          for column in stride(from: 0, to: s.x.columns, by: s.head) {
            zeroth_rotate(s.width, s.cosines.pointer + at, s.sines.pointer + at, s.x.row(r) + column)
          }
        }
      }
    }
  }
}
