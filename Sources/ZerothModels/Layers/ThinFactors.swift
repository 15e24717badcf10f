import CZeroth
import Zeroth

/// The thin products of a layer: what low-rank terms of W add to x W^T, without the terms being formed.
///
///     x (B B'^T + U_1 V_1^T + ...)^T = [x B' | x V_1 | ...] [B | U_1 | ...]^T
///
/// B B'^T are the updates that wait apart from W, and, of a base that is never written, those of all earlier windows side by
/// side. U_i V_i^T are low-rank directions. A row of x belongs to a variant, which
/// is displaced along one of the directions: x V of the others is zero in that row. The left factors are drawn once for a
/// product, many rows at a time.
struct ThinFactors: @unchecked Sendable {
  /// x times the right factors, packed as x is.
  private let projected: PackedRows
  /// The rows of [B | U_1 | ...] that belong to the product's rows of W, each continued with zeros to whole vectors.
  private let left: Matrix
  private let rank: Int
  /// Rows of `left` from the factors of one copy of W to those of the next; 0 where all copies share them.
  private let leftDistance: Int

  /// nil where there is no term. `displacements` are those with factors that move `block`. `columns` are those of W that
  /// meet x, `rows` those that give results.
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

  /// What the kernel multiplies: the rows `rows` of x and the left factors from row `row` on, counted from the first
  /// row of W that the product multiplies.
  func factors(_ rows: Range<Int>, from row: Int) -> zeroth_factors {
    let copy = rows.lowerBound / projected.rowsPerWeight
    return projected.factors(rows, columns: 0..<rank, left.row(copy * leftDistance + row), stride: left.columns)
  }

  /// What `branch` adds to x W^T: scale (x A^T) B^T, where A and B are displaced in each variant as its point says.
  ///
  /// Where tiles hold rows of several variants, A and B of the variants stand side by side, and x A^T of the others is zero
  /// in a row. Where each variant's rows are apart, they meet their own A and B alone.
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

  /// What the threads share that draw the left factors, and what they do: each draws some rows at a time.
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

  /// [x V of the pending term and of what is kept | offset_v scale x V_i of the direction of the row's variant v, zeros for the others].
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
      // Where x V of each direction stands: V is that of the pending term for as long as a window lasts, and queries of one
      // step may share it.
      var sources: Few<Int> = []
      let first = (pending?.rank ?? 0) + (kept?.rank ?? 0)
      if let kept {
        // All V side by side, so that x is read once.
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
        // The tangent of x W^T is that of x times W^T, and x times the displacement: x V of the rows of variant 0.
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
  /// The rank of its factors; 0 without.
  fileprivate var rank: Int { factors?.rank ?? 0 }

  /// Whether it has the same V as `other`.
  fileprivate func sharesRight(with other: any LowRankDirection) -> Bool {
    factors.map { $0.rightKey == other.rightKey && $0.rank == other.rank } ?? false
  }
}
