import CZeroth
import Zeroth

/// The thin products of a layer, [x B' | x V] times [B | U]^T: of what a window of low-rank updates has left, and of a
/// low-rank direction. The left factors are drawn once for a product, in few large pieces.
struct ThinFactors: @unchecked Sendable {
  /// x times the right factors, packed as x is.
  private let projected: PackedRows
  /// The rows of W's part in [B | U], each continued with zeros to whole vectors.
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
      pieces: Pieces(0..<rows.count, by: height), scratch: scratch)
    Parallel.forEach(drawing.pieces.count, workers: scratch.workers, drawing)
  }

  /// What the rows `part` of x times the left factors from row `row` on take: the product's own first row is 0.
  func factors(_ part: Range<Int>, from row: Int) -> zeroth_factors {
    projected.factors(part, columns: 0..<rank, left.row(row), stride: left.columns)
  }

  private struct Drawing: ~Copyable, ParallelWork {
    let left: Matrix
    let pending: LowRankTerm?
    let lowRank: (any LowRankDirection)?
    let block: ParameterBlock
    let rows: Range<Int>
    let pieces: Pieces
    let scratch: Scratch

    func run(_ i: Int, _ worker: Int) {
      let piece = pieces[i]
      let first = rows.lowerBound + piece.lowerBound
      let drawn = scratch[worker]
      if let lowRank {
        lowRank.writeLeft(
          of: block, rows: first..<(first + piece.count),
          into: UnsafeMutableBufferPointer(start: drawn, count: piece.count * lowRank.rank))
      }
      zeroth_join_columns(
        piece.count, pending?.rank ?? 0, pending.map { $0.left + first * $0.rank }, lowRank?.rank ?? 0, drawn,
        left.columns, left.row(piece.lowerBound))
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
    return weights.pack(rows: x.rows, columns: first + second, groups: x.groups) {
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
