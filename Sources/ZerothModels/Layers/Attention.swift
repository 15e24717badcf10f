import CZeroth
import Zeroth

extension Weights {
  /// Attention within the segments of `batch`: softmax(scale q k^T) v for each head, written over `q`. Without
  /// `isCausal` a token sees its whole segment. With `isCausal` it sees the tokens up to itself, including those of the
  /// segment that its own segment continues. With `window` it sees only the last `window` of these, itself included.
  ///
  /// q is variants * R x heads * d; k and v are variants * R x keyHeads * d. Each head of k and v is shared by heads /
  /// keyHeads heads of q (grouped-query attention). `layer` is the index of k and v in the cache of the batch, and of
  /// the layer's virtual tokens, which stand in front of every segment; their columns from `keyColumn` on belong to k.
  /// The scale is 1 / sqrt(d) unless given. With `cap` the scores are cap tanh(scale q k^T / cap).
  func attention(
    _ q: Matrix, _ k: Matrix, _ v: Matrix, heads: Int, keyHeads: Int, _ batch: TokenBatch, isCausal: Bool = true,
    window: Int? = nil, scale: Float? = nil, cap: Float? = nil, layer: Int = 0, keyColumn: Int = 0
  ) {
    let rowsAtOnce = 128
    let segments = batch.segments
    precondition(isCausal || segments.allSatisfy { $0.prefix == nil }, "what sees all of a sequence continues none")
    precondition(isCausal || window == nil, "what sees all of a sequence has no window")
    let front = FrontKeys(k, v, layer: layer, column: keyColumn, batch, self)
    batch.cache?.store(k, v, layer: layer, batch, variants: variants, behind: front)
    let longest = frontTokens + segments.indices.reduce(0) { max($0, segments[$1].count + batch.prefixCount(of: $1)) }
    let scratch = workspace.scratch((areDifferentiated ? 3 : 1) * min(rowsAtOnce, longest) * longest)
    let heads = Heads(
      q: q, k: k, v: v, count: heads, sharing: heads / keyHeads, batch: batch, isCausal: isCausal, window: window ?? 0,
      scale: scale ?? 1 / Float(q.columns / heads).squareRoot(), cap: cap ?? 0, layer: layer, front: front,
      rows: q.rows / variants, rowsAtOnce: rowsAtOnce, scratch: scratch)
    if isTangent {
      return Parallel.forEach(segments.count * heads.count, workers: scratch.workers, TangentHeads(heads: heads))
    }
    if let tape, tape.isRecording {
      let old = heads.moved(to: tape.save(q), tape.save(k), tape.save(v), front?.map(tape.save))
      tape.record { [self] in
        // Threads must not add to the same keys. So each thread takes one head of the keys, for all segments that share
        // some of them.
        let work = AdjointHeads(
          old: old, adjoints: old.moved(to: adjoint(of: q), adjoint(of: k), adjoint(of: v), front?.map(adjoint)),
          runs: batch.sequenceRuns(),
          scratch: workspace.scratch(3 * min(rowsAtOnce, longest) * longest))
        Parallel.forEach(work.runs.count * keyHeads, workers: work.scratch.workers, work)
      }
    }
    Parallel.forEach(batch.segmentCount(variants: variants) * heads.count, workers: scratch.workers, heads)
  }

  /// The work of the threads of `attention`: each computes one head of a segment of a variant at a time.
  private struct Heads: ParallelWork {
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
      let segment = i / count % batch.segments.count
      zeroth_attention(
        shape(of: segment), place(of: i % count, segment, variant: i / count / batch.segments.count), scratch[worker])
    }

    /// The same heads for other queries, keys and values of the same shape.
    func moved(to q: Matrix, _ k: Matrix, _ v: Matrix, _ front: FrontKeys?) -> Heads {
      Heads(
        q: q, k: k, v: v, count: count, sharing: sharing, batch: batch, isCausal: isCausal, window: window,
        scale: scale, cap: cap, layer: layer, front: front, rows: rows, rowsAtOnce: rowsAtOnce, scratch: scratch)
    }

    /// The shape of the attention in segment `index`.
    func shape(of index: Int) -> zeroth_attention_shape {
      let segment = batch.segments[index]
      return zeroth_attention_shape(
        causal: isCausal, window: window, rows: segment.count,
        prefix: (front?.tokens ?? 0) + batch.prefixCount(of: index),
        head: q.columns / count, ldq: q.columns, ldkv: k.columns, rows_at_once: min(rowsAtOnce, segment.count),
        scale: scale,
        cap: cap)
    }

    /// The addresses of head number `head` in segment `index`, and of the keys and values that it sees.
    func place(of head: Int, _ index: Int, variant: Int = 0) -> zeroth_heads {
      let width = q.columns / count
      let keyColumn = head / sharing * width
      let firstRow = variant * rows
      let seen = SeenKeys(of: index, in: batch, firstRow: firstRow, k, v, layer: layer, front, variant: variant)
      return zeroth_heads(
        q: q.row(firstRow + batch.segments[index].start) + head * width, k: seen.keys + keyColumn,
        v: seen.values + keyColumn, prefix_k: seen.prefixKeys + keyColumn, prefix_v: seen.prefixValues + keyColumn)
    }
  }

  /// The same work for queries, keys and values that each have a tangent, in variant 1.
  private struct TangentHeads: ParallelWork {
    let heads: Heads

    func run(_ i: Int, _ worker: Int) {
      let (segment, head) = i.quotientAndRemainder(dividingBy: heads.count)
      zeroth_attention_tangent(
        heads.shape(of: segment), heads.place(of: head, segment), heads.place(of: head, segment, variant: 1),
        heads.scratch[worker])
    }
  }

  /// The work of the threads that compute adjoints: each takes one head of the keys, and the query heads that share it,
  /// in a run of segments that share keys.
  private struct AdjointHeads: ParallelWork {
    let old, adjoints: Heads
    let runs: [Range<Int>]
    let scratch: Scratch

    func run(_ i: Int, _ worker: Int) {
      let (run, keyHead) = i.quotientAndRemainder(dividingBy: old.count / old.sharing)
      for segment in runs[run] {
        for head in (keyHead * old.sharing)..<((keyHead + 1) * old.sharing) {
          zeroth_attention_adjoint(
            old.shape(of: segment), old.place(of: head, segment), adjoints.place(of: head, segment), scratch[worker])
        }
      }
    }
  }

  /// The addresses of the keys and values that a segment sees: those of the segment that it continues, and its own.
  private struct SeenKeys: @unchecked Sendable {
    let prefixCount: Int
    let prefixKeys, prefixValues, keys, values: UnsafeMutablePointer<Float>

    init(
      of index: Int, in batch: TokenBatch, firstRow: Int, _ k: Matrix, _ v: Matrix, layer: Int, _ front: FrontKeys?,
      variant: Int
    ) {
      let segment = batch.segments[index]
      prefixCount = (front?.tokens ?? 0) + batch.prefixCount(of: index)
      if let cache = batch.cache {
        (prefixKeys, prefixValues) = cache.rows(
          of: batch.sequence(of: variant * batch.segments.count + index), layer: layer)
        keys = prefixKeys + prefixCount * k.columns
        values = prefixValues + prefixCount * k.columns
      } else if let front {
        (prefixKeys, prefixValues) = front.rows(before: index, segment, variant: variant)
        keys = k.row(firstRow + segment.start)
        values = v.row(firstRow + segment.start)
      } else {
        let start = segment.prefix.map { batch.segments[$0].start } ?? 0
        prefixKeys = k.row(firstRow + start)
        prefixValues = v.row(firstRow + start)
        keys = k.row(firstRow + segment.start)
        values = v.row(firstRow + segment.start)
      }
    }
  }

  /// Applies the rotary embedding to the heads of `x` by the positions of `batch` (Su et al. 2021, in the half-split
  /// form). Only the first elements of each head turn where `table` has angles for fewer.     t turns as x does; d
  /// turns back
  func rotate(_ x: Matrix, heads: Int, _ batch: TokenBatch, _ table: RotaryTable) {
    turn(x, heads: heads, batch, table)
    if let tape { tape.record { [self] in turn(adjoint(of: x), heads: heads, batch, table, back: true) } }
  }

  private func turn(_ x: Matrix, heads: Int, _ batch: TokenBatch, _ table: RotaryTable, back: Bool = false) {
    let positions = batch.positions
    let ranges = rowRanges(of: x)
    let first = frontTokens
    table.withAngles(below: first + (positions.max() ?? 0) + 1, longest: first + batch.longest) { cosines, sines in
      let state = (
        x: x, head: x.columns / heads, width: table.width, positions: positions, first: first,
        cosines: cosines, sines: sines, ranges: ranges, back: back
      )
      Parallel.forEach(ranges.count, with: state) { s, i, _ in
        for r in s.ranges[i] {
          let at = (s.first + s.positions[r % s.positions.count]) * (s.width / 2)
          for column in stride(from: 0, to: s.x.columns, by: s.head) {
            zeroth_rotate(s.back, s.width, s.cosines.pointer + at, s.sines.pointer + at, s.x.row(r) + column)
          }
        }
      }
    }
  }
}
