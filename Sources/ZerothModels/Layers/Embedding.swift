import CZeroth
import Zeroth

extension Weights {
  /// x = the rows `shift` + `ids` of the table `block` in each variant, variants * ids.count x columns; or x += these
  /// rows. Where x has only as many rows as there are `ids`, the first ids belong to the first variant, as many to the
  /// next, and so on.
  func embed(
    _ ids: [Int], shiftedBy shift: Int = 0, _ block: ParameterBlock, into x: Matrix, accumulate: Bool = false
  ) {
    workspace.scope {
      let moving = self.moving(block)
      let areFactors = areLowRank && block.isMatrix
      var rights: Few<Matrix> = []
      if areFactors { for case let factors? in moving.map(\.factors) { rights.append(rightFactor(factors, block)) } }
      // All V that are kept are drawn once here, and not again for each row.
      let kept = stored.kept(of: block)
      let keptRight = kept.map { kept in
        let right = workspace.matrix(kept.rank, block.columns)
        kept.writeRight(columns: 0..<block.columns, into: right.base)
        return right
      }
      let ranges = EqualRanges(0..<ids.count, by: 16)
      let scratch = workspace.scratch(3 * block.columns + max(kept?.rank ?? 0, rights.reduce(0) { max($0, $1.rows) }))
      let table = Table(
        weights: self, ids: ids, shift: shift, block: block, moving: moving, rights: rights, kept: kept,
        keptRight: keptRight, x: x, accumulate: accumulate, ranges: ranges, scratch: scratch)
      Parallel.forEach(ranges.count, workers: scratch.workers, table)
    }
    if let tape {
      _ = tape.use(block)
      tape.record { [self] in
        let d = adjoint(of: x)
        if let gradient = tape.gradient(of: block) { addRows(of: d, to: gradient, block, at: ids, shiftedBy: shift) }
        if !accumulate { d.clear() }
      }
    }
  }

  /// Row shift + ids[i] of the table `gradient` += row i of d. Each thread takes some columns, because an id may occur
  /// twice.
  private func addRows(
    of d: Matrix, to gradient: UnsafeMutablePointer<Float>, _ block: ParameterBlock, at ids: [Int], shiftedBy shift: Int
  ) {
    let ranges = EqualRanges(0..<block.columns, by: 64)
    let state = (
      d: d, gradient: Matrix(base: gradient, rows: block.rows, columns: block.columns),
      ids: ids, shift: shift, ranges: ranges
    )
    Parallel.forEach(ranges.count, with: state) { s, i, _ in
      let columns = s.ranges[i]
      for (row, id) in s.ids.enumerated() {
        zeroth_axpy(
          columns.count, 1, s.d.row(row) + columns.lowerBound, s.gradient.row(s.shift + id) + columns.lowerBound)
      }
    }
  }

  /// The work of the threads of `embed`: each embeds some of `ids` at a time. `rights` are the factors V^T, r x
  /// columns, of the low-rank directions that displace the table; it is empty where the directions are dense.
  private struct Table: ~Copyable, ParallelWork {
    let weights: Weights
    let ids: [Int]
    let shift: Int
    let block: ParameterBlock
    let moving: Few<Displacement>
    let rights: Few<Matrix>
    let kept: KeptFactors?
    let keptRight: Matrix?
    let x: Matrix
    let accumulate: Bool
    let ranges: EqualRanges
    let scratch: Scratch

    func run(_ range: Int, _ worker: Int) { for i in ranges[range] { embed(i, scratch[worker]) } }

    /// Embeds row shift + ids[i] in each variant.
    private func embed(_ i: Int, _ z: UnsafeMutablePointer<Float>) {
      let n = block.columns
      let rows = (shift + ids[i])..<(shift + ids[i] + 1)
      let moved = z + n
      let source = moved + n
      weights.stored.read(block, rows: rows, into: source, withKept: false)
      if let kept, let keptRight {
        let left = source + n
        kept.putLeft(rows: rows, into: left, stride: kept.rank)
        zeroth_low_rank_add(1, n, kept.rank, 1, left, keptRight.base, source, n)
      }
      if weights.isTangent {
        put(source, i, 0)
        if moving.isEmpty { z.update(repeating: 0, count: n) }
        for (d, displacement) in moving.enumerated() { makeRow(rows, d, displacement, into: z, scratch: source + n) }
        return put(z, i, 1)
      }
      if weights.variants > 1, ids.count == x.rows {
        let v = i / (ids.count / weights.variants)
        let own = moving.firstIndex { $0.variants.contains(v) }
        guard let own, weights.offset(v) != 0 else { return put(source, i, 0) }
        makeRow(rows, own, moving[own], into: z, scratch: source + n)
        zeroth_displace(n, source, weights.offset(v), z, moved)
        return put(moved, i, 0)
      }
      var next = 0
      for (d, displacement) in moving.enumerated() {
        for v in next..<displacement.variants.lowerBound { put(source, i, v) }
        makeRow(rows, d, displacement, into: z, scratch: source + n)
        for v in displacement.variants {
          let offset = weights.offset(v)
          if offset != 0 { zeroth_displace(n, source, offset, z, moved) }
          put(offset == 0 ? source : moved, i, v)
        }
        next = displacement.variants.upperBound
      }
      for v in next..<weights.variants { put(source, i, v) }
    }

    /// z = the row of displacement number `d`.
    private func makeRow(
      _ rows: Range<Int>, _ d: Int, _ displacement: Displacement, into z: UnsafeMutablePointer<Float>,
      scratch: UnsafeMutablePointer<Float>
    ) {
      guard let factors = displacement.factors, !rights.isEmpty else {
        displacement.direction.write(block, rows: rows, into: z)
        return
      }
      let n = block.columns
      factors.writeLeft(
        of: block, rows: rows, into: UnsafeMutableBufferPointer(start: scratch, count: factors.rank))
      z.update(repeating: 0, count: n)
      zeroth_low_rank_add(1, n, factors.rank, factors.matrixScale, scratch, rights[d].base, z, n)
    }

    private func put(_ row: UnsafePointer<Float>, _ i: Int, _ v: Int) {
      let target = x.row(v * ids.count + i)
      if accumulate {
        zeroth_axpy(block.columns, 1, row, target)
      } else {
        target.update(from: row, count: block.columns)
      }
    }
  }
}
