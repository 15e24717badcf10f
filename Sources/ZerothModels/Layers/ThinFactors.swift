import CZeroth
import Zeroth

/// The thin products of a layer: what the low-rank terms of W add to x W^T. The terms are never formed.
///
///     x (B B'^T + U_1 V_1^T + ...)^T = [x B' | x V_1 | ...] [B | U_1 | ...]^T
///
/// B B'^T are the updates that are kept apart from W; with a base that is never written, these include the updates of
/// all earlier windows, side by side. U_i V_i^T are low-rank directions. Each row of x belongs to a variant, and each
/// variant is displaced along one of the directions; in its rows x V of the other directions is zero. The left factors
/// are drawn once for a product, many rows at a time.
struct ThinFactors: @unchecked Sendable {
  /// x times the right factors, packed in the same way as x.
  private let projected: PackedRows
  /// The rows of [B | U_1 | ...] for the rows of W in the product, each filled up with zeros to whole vectors.
  private let left: Matrix
  private let rank: Int
  /// The number of rows of `left` from the factors of one copy of W to those of the next; 0 where all copies share
  /// them.
  private let leftDistance: Int

  /// Nil where there is no term. `displacements` are those that have factors and move `block`. `columns` are the
  /// columns of W that are multiplied with x, `rows` those of its rows that give results.
  init?(
    _ x: PackedRows, _ pending: LowRankTerm?, _ kept: KeptFactors?, _ displacements: Few<Weights.Displacement>,
    _ block: ParameterBlock, rows: Range<Int>, columns: Range<Int>, _ weights: Weights
  ) {
    rank = displacements.reduce((pending?.rank ?? 0) + (kept?.rank ?? 0)) { $0 + $1.rank }
    guard rank > 0 else { return nil }
    left = weights.workspace.matrix(rows.count, (rank + 15) / 16 * 16)
    leftDistance = 0
    projected = Self.project(x, pending, kept, displacements, rank, block, columns, weights)
    let height = 192
    let scratch = weights.workspace.scratch(height * displacements.reduce(0) { max($0, $1.rank) })
    let drawing = Drawing(
      left: left, pending: pending, kept: kept, displacements: displacements, block: block, rows: rows,
      ranges: EqualRanges(0..<rows.count, by: height), scratch: scratch)
    Parallel.forEach(drawing.ranges.count, workers: scratch.workers, drawing)
  }

  /// The factors for the kernel: the rows `rows` of x, and the left factors from row `row` on, counted from the first
  /// row of W in the product.
  func factors(_ rows: Range<Int>, from row: Int) -> zeroth_factors {
    let copy = rows.lowerBound / projected.rowsPerWeight
    return projected.factors(rows, columns: 0..<rank, left.row(copy * leftDistance + row), stride: left.columns)
  }

  /// The thin product that `branch` adds to x W^T: scale (x A^T) B^T, where A and B are displaced in each variant to
  /// its point.
  ///
  /// Where tiles hold rows of several variants, A and B of all variants stand side by side, and in a row x A^T of the
  /// other variants is zero. Where the rows of each variant are packed separately, they are multiplied by their own A
  /// and B alone.
  init(_ x: PackedRows, _ branch: LoRABranch, rows: Range<Int>, columns: Range<Int>, _ weights: Weights) {
    let (a, b) = (weights.layout.blocks[branch.a], weights.layout.blocks[branch.b])
    let isMoving = !weights.moving(a).isEmpty || !weights.moving(b).isEmpty
    let variants = isMoving ? weights.variants : 1
    let areApart = x.weightCount > 1 && variants > 1
    let sideBySide = areApart ? 1 : variants
    let rank = sideBySide * a.rows
    let left = weights.workspace.matrix((areApart ? variants : 1) * rows.count, (rank + 15) / 16 * 16)
    weights.workspace.scope {
      let values = weights.vector(b, rows: rows)
      left.base.update(repeating: 0, count: left.rows * left.columns)
      for v in 0..<variants {
        let target = areApart ? left.row(v * rows.count) : left.base + v * a.rows
        zeroth_put_columns(rows.count, a.rows, values.row(v), left.columns, target)
      }
    }
    projected = weights.pack(rows: x.rows, columns: rank, weightCount: x.weightCount) {
      let projected = weights.workspace.matrix(x.rows, rank)
      let right = weights.vector(a)
      x.multiplyThin(
        right.base + columns.lowerBound, height: rank, stride: a.columns, into: projected, column: 0,
        distance: areApart ? right.columns : 0)
      let height = x.rows / weights.variants
      for row in 0..<x.rows {
        let values = projected.row(row)
        let own = sideBySide > 1 ? row / height * a.rows : 0
        for q in 0..<rank { values[q] = (own..<(own + a.rows)).contains(q) ? branch.scale * values[q] : 0 }
      }
      return projected
    }
    self.left = left
    self.rank = rank
    leftDistance = areApart ? rows.count : 0
  }

  /// The work of the threads that draw the left factors: each draws some rows at a time.
  private struct Drawing: ~Copyable, ParallelWork {
    let left: Matrix
    let pending: LowRankTerm?
    let kept: KeptFactors?
    let displacements: Few<Weights.Displacement>
    let block: ParameterBlock
    let rows: Range<Int>
    let ranges: EqualRanges
    let scratch: Scratch

    func run(_ i: Int, _ worker: Int) {
      let range = ranges[i]
      let first = rows.lowerBound + range.lowerBound
      let drawn = scratch[worker]
      var column = pending?.rank ?? 0
      left.row(range.lowerBound).update(repeating: 0, count: range.count * left.columns)
      if let pending {
        zeroth_put_columns(
          range.count, column, pending.left + first * column, left.columns, left.row(range.lowerBound))
      }
      if let kept {
        kept.putLeft(
          rows: first..<(first + range.count), into: left.row(range.lowerBound) + column, stride: left.columns)
        column += kept.rank
      }
      for displacement in displacements {
        guard let factors = displacement.factors else { continue }
        let count = range.count * factors.rank
        factors.writeLeft(
          of: block, rows: first..<(first + range.count),
          into: UnsafeMutableBufferPointer(start: drawn, count: count))
        zeroth_put_columns(range.count, factors.rank, drawn, left.columns, left.row(range.lowerBound) + column)
        column += factors.rank
      }
    }
  }

  /// [x V of the pending term and of what is kept | offset_v scale x V_i for the direction of the row's variant v,
  /// zeros for the other directions].
  private static func project(
    _ x: PackedRows, _ pending: LowRankTerm?, _ kept: KeptFactors?, _ displacements: Few<Weights.Displacement>,
    _ rank: Int, _ block: ParameterBlock, _ columns: Range<Int>, _ weights: Weights
  ) -> PackedRows {
    weights.pack(rows: x.rows, columns: rank, weightCount: x.weightCount) {
      let projected = weights.workspace.matrix(x.rows, rank)
      func multiply(_ right: UnsafePointer<Float>, _ rank: Int, column: Int) {
        x.multiplyThin(
          right + columns.lowerBound, height: rank, stride: block.columns, into: projected, column: column)
      }
      // The column at which x V of each direction stands. Within a window V is that of the pending term, and the
      // queries of a step may share a V.
      var sources: Few<Int> = []
      let first = (pending?.rank ?? 0) + (kept?.rank ?? 0)
      if let kept {
        // All V stand side by side, so that x is read once.
        let right = weights.workspace.matrix(first, columns.count)
        let own = pending?.rank ?? 0
        if let pending {
          for q in 0..<own {
            right.row(q).update(from: pending.right + q * block.columns + columns.lowerBound, count: columns.count)
          }
        }
        kept.writeRight(columns: columns, into: right.row(own))
        x.multiplyThin(right.base, height: first, stride: columns.count, into: projected, column: 0)
      } else if let pending {
        multiply(pending.right, pending.rank, column: 0)
      }
      var column = first
      for (i, displacement) in displacements.enumerated() {
        guard let factors = displacement.factors else { continue }
        if let pending, pending.rightKey == factors.rightKey, pending.rank == factors.rank {
          sources.append(0)
        } else if let same = (0..<i).first(where: { displacements[$0].sharesRight(with: factors) }) {
          sources.append(sources[same])
        } else {
          multiply(weights.rightFactor(factors, block).base, factors.rank, column: column)
          sources.append(column)
        }
        column += factors.rank
      }
      let height = x.rows / weights.variants
      if weights.isTangent, let displacement = displacements.first {
        // The tangent of x W^T is the tangent of x times W^T, plus x times the displacement. The second part needs x V
        // of the rows of variant 0.
        let (rank, source) = (displacement.rank, sources[0])
        let scale = displacement.factors?.matrixScale ?? 0
        for row in 0..<height {
          let (values, tangent) = (projected.row(row), projected.row(height + row))
          for q in 0..<rank { tangent[first + q] = scale * values[source + q] }
        }
        clear(projected, 0..<height, from: first)
        return projected
      }
      var next = 0
      column = first
      let width = projected.columns
      for (i, displacement) in displacements.enumerated() {
        let (rank, source) = (displacement.rank, sources[i])
        let matrixScale = displacement.factors?.matrixScale ?? 0
        clear(projected, (next * height)..<(displacement.variants.lowerBound * height), from: first)
        for v in displacement.variants {
          let scale = weights.offset(v) * matrixScale
          for row in (v * height)..<((v + 1) * height) {
            let values = projected.row(row)
            let (own, read) = (values + column, values + source)
            for q in 0..<rank { own[q] = scale * read[q] }
            (values + first).update(repeating: 0, count: column - first)
            (own + rank).update(repeating: 0, count: width - column - rank)
          }
        }
        next = displacement.variants.upperBound
        column += rank
      }
      clear(projected, (next * height)..<x.rows, from: first)
      return projected
    }
  }

  private static func clear(_ x: Matrix, _ rows: Range<Int>, from column: Int) {
    for row in rows { (x.row(row) + column).update(repeating: 0, count: x.columns - column) }
  }
}

extension Weights.Displacement {
  /// The rank of its factors; 0 where it has none.
  fileprivate var rank: Int { factors?.rank ?? 0 }

  /// Whether it has the same V as `other`.
  fileprivate func sharesRight(with other: any LowRankDirection) -> Bool {
    factors.map { $0.rightKey == other.rightKey && $0.rank == other.rank } ?? false
  }
}
