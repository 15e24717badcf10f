import CZeroth
import Zeroth

/// The thin products of a layer: what low-rank terms of W add to x W^T, without the terms being formed.
///
///     x (B B'^T + U V^T)^T = [x B' | x V] [B | U]^T
///
/// B B'^T are the updates that wait apart from W, U V^T is a low-rank direction. The left factors B and U are drawn
/// once for a product, many rows at a time.
struct ThinFactors: @unchecked Sendable {
  /// x times the right factors, packed as x is.
  private let projected: PackedRows
  /// The rows of [B | U] that belong to the product's rows of W, each continued with zeros to whole vectors.
  private let left: Matrix
  private let rank: Int

  /// nil where neither term is there. `columns` are those of W that meet x, `rows` those that give results.
  init?(
    _ x: PackedRows, _ pending: LowRankTerm?, _ lowRank: (any LowRankDirection)?, _ block: ParameterBlock,
    rows: Range<Int>, columns: Range<Int>, _ weights: Weights
  ) {
    rank = (pending?.rank ?? 0) + (lowRank?.rank ?? 0)
    guard rank > 0 else { return nil }
    left = weights.workspace.matrix(rows.count, (rank + 15) / 16 * 16)
    projected = Self.project(x, pending, lowRank, block, columns, weights)
    let height = 192
    let scratch = weights.workspace.scratch(height * (lowRank?.rank ?? 0))
    let drawing = Drawing(
      left: left, pending: pending, lowRank: lowRank, block: block, rows: rows,
      ranges: EqualRanges(0..<rows.count, by: height), scratch: scratch)
    Parallel.forEach(drawing.ranges.count, workers: scratch.workers, drawing)
  }

  /// What the kernel multiplies: the rows `rows` of x and the left factors from row `row` on, counted from the first
  /// row of W that the product multiplies.
  func factors(_ rows: Range<Int>, from row: Int) -> zeroth_factors {
    projected.factors(rows, columns: 0..<rank, left.row(row), stride: left.columns)
  }

  /// What the threads share that draw the left factors, and what they do: each draws some rows at a time.
  private struct Drawing: ~Copyable, ParallelWork {
    let left: Matrix
    let pending: LowRankTerm?
    let lowRank: (any LowRankDirection)?
    let block: ParameterBlock
    let rows: Range<Int>
    let ranges: EqualRanges
    let scratch: Scratch

    func run(_ i: Int, _ worker: Int) {
      let range = ranges[i]
      let first = rows.lowerBound + range.lowerBound
      let drawn = scratch[worker]
      if let lowRank {
        lowRank.writeLeft(
          of: block, rows: first..<(first + range.count),
          into: UnsafeMutableBufferPointer(start: drawn, count: range.count * lowRank.rank))
      }
      zeroth_join_columns(
        range.count, pending?.rank ?? 0, pending.map { $0.left + first * $0.rank }, lowRank?.rank ?? 0, drawn,
        left.columns, left.row(range.lowerBound))
    }
  }

  /// [x V of the pending term | offset_v scale x V of the direction], for the rows of each variant: x.rows x rank.
  private static func project(
    _ x: PackedRows, _ pending: LowRankTerm?, _ lowRank: (any LowRankDirection)?, _ block: ParameterBlock,
    _ columns: Range<Int>, _ weights: Weights
  ) -> PackedRows {
    let first = pending?.rank ?? 0
    let second = lowRank?.rank ?? 0
    // V of the direction is that of the pending term for as long as a window lasts.
    let isShared = pending != nil && pending?.rightKey == lowRank?.rightKey && first == second
    return weights.pack(rows: x.rows, columns: first + second, weightCount: x.weightCount) {
      let projected = weights.workspace.matrix(x.rows, first + second)
      func multiply(_ right: UnsafePointer<Float>, _ rank: Int, column: Int) {
        x.multiplyThin(
          right + columns.lowerBound, height: rank, stride: block.columns, into: projected, column: column)
      }
      if let pending { multiply(pending.right, first, column: 0) }
      if let lowRank, !isShared { multiply(weights.rightFactor(lowRank, block).base, second, column: first) }
      for row in 0..<x.rows where second > 0 {
        let scale = weights.offsets[row / (x.rows / weights.variants)] * (lowRank?.matrixScale ?? 0)
        let values = projected.row(row)
        for q in 0..<second { values[first + q] = scale * values[isShared ? q : first + q] }
      }
      return projected
    }
  }
}
