import CZeroth
import Zeroth

extension Weights {
  /// x = the rows `shift` + `ids` of the table `block` in each variant, variants * ids.count x columns, or x += them.
  func embed(
    _ ids: [Int], shiftedBy shift: Int = 0, _ block: ParameterBlock, into x: Matrix, accumulate: Bool = false
  ) {
    let direction = displacement(of: block)
    let right = direction != nil && block.isMatrix ? lowRank.map { rightFactor($0, block) } : nil
    let ranges = EqualRanges(0..<ids.count, by: 16)
    let scratch = workspace.scratch(3 * block.columns + (right?.rows ?? 0))
    let table = Table(
      weights: self, ids: ids, shift: shift, block: block, direction: direction, right: right, x: x,
      accumulate: accumulate, ranges: ranges, scratch: scratch)
    Parallel.forEach(ranges.count, workers: scratch.workers, table)
  }

  /// What the threads of `embed` share, and what they do: each embeds some of `ids` at a time. `right` is V^T, r x
  /// columns, of a low-rank direction.
  private struct Table: ~Copyable, ParallelWork {
    let weights: Weights
    let ids: [Int]
    let shift: Int
    let block: ParameterBlock
    let direction: (any Direction)?
    let right: Matrix?
    let x: Matrix
    let accumulate: Bool
    let ranges: EqualRanges
    let scratch: Scratch

    func run(_ range: Int, _ worker: Int) { for i in ranges[range] { embed(i, scratch[worker]) } }

    /// Row shift + ids[i] in each variant.
    private func embed(_ i: Int, _ z: UnsafeMutablePointer<Float>) {
      let n = block.columns
      let rows = (shift + ids[i])..<(shift + ids[i] + 1)
      let moved = z + n
      let source = moved + n
      weights.stored.read(block, rows: rows, into: source)
      if let lowRank = weights.lowRank, let right {
        let left = UnsafeMutableBufferPointer(start: source + n, count: right.rows)
        lowRank.writeLeft(of: block, rows: rows, into: left)
        z.update(repeating: 0, count: n)
        zeroth_low_rank_add(1, n, right.rows, lowRank.matrixScale, source + n, right.base, z, n)
      } else if let direction {
        direction.write(block, rows: rows, into: z)
      }
      for v in 0..<weights.variants {
        var row = UnsafePointer(source)
        if direction != nil, weights.offsets[v] != 0 {
          zeroth_displace(n, row, weights.offsets[v], z, moved)
          row = UnsafePointer(moved)
        }
        let target = x.row(v * ids.count + i)
        if accumulate { zeroth_axpy(n, 1, row, target) } else { target.update(from: row, count: n) }
      }
    }
  }
}
