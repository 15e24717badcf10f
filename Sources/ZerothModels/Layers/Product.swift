import CZeroth
import Zeroth

/// x W^T for all variants of W, or of some of its rows and columns, computed panel by panel (some rows of W):
///
///     plain     y = x W^T
///     low rank  y = x W^T + offset (x V) U^T         two thin products beside the plain one; U V^T is never formed
///     dense     y = x (W + offset z)^T               z is made for a panel at a time, once for all variants
///
/// What a window of low-rank updates has left apart from W (`ParameterStore`) is one more thin product. Panels depend on
/// shapes alone, so that the number of threads never changes a result.
struct Product: @unchecked Sendable {
  private let weights: Weights
  private let x: PackedRows
  private let block: ParameterBlock
  private let rows: Range<Int>
  private let columns: Range<Int>
  /// What is added to W before it is multiplied.
  private let dense: (any Direction)?
  /// The thin products' left factors, and x times their right ones.
  private let pending: LowRankTerm?
  private let lowRank: (any LowRankDirection)?
  private let projected: Matrix?
  /// Rows of W in a panel; the last may have fewer.
  let panelHeight = 48
  /// Columns of W that are multiplied at a time: a panel's stay near, with the rows of x that they meet.
  private let chunk: Int

  /// x (R x columns.count, with the rows of all variants) times W[rows, columns]^T.
  init(
    _ x: PackedRows, _ block: ParameterBlock, rows: Range<Int>? = nil, columns: Range<Int>? = nil, _ weights: Weights
  ) {
    self.weights = weights
    self.x = x
    self.block = block
    self.rows = rows ?? 0..<block.rows
    self.columns = columns ?? 0..<block.columns
    pending = block.isMatrix ? weights.stored.pending(of: block) : nil
    let direction = weights.displacement(of: block)
    lowRank = block.isMatrix ? direction?.lowRank : nil
    dense = lowRank == nil ? direction : nil
    projected = Self.project(x, pending, lowRank, block, self.columns, weights)
    let chunks = (self.columns.count + 767) / 768
    chunk = ((self.columns.count + chunks - 1) / chunks + 63) / 64 * 64
  }

  private var rank: Int { projected?.columns ?? 0 }

  var panelCount: Int { (rows.count + panelHeight - 1) / panelHeight }

  /// Panel `i` as rows of the result: counted from the first row of the slice.
  func panel(_ i: Int) -> Range<Int> { (i * panelHeight)..<min((i + 1) * panelHeight, rows.count) }

  /// Floats of scratch that a panel takes.
  var scratchCount: Int {
    let copies = (dense == nil ? 0 : 2) + (weights.stored.floats(of: block) == nil ? 1 : 0)
    return panelHeight * max(2 * rank, copies * chunk)
  }

  /// out (x.rows x panel.count, leading dimension `stride`) += x W[panel]^T.
  func add(
    panel: Range<Int>, to out: UnsafeMutablePointer<Float>, stride: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    if let projected { addThin(projected, panel: panel, to: out, stride: stride, scratch: scratch) }
    let panelRows = (rows.lowerBound + panel.lowerBound)..<(rows.lowerBound + panel.upperBound)
    let groupStride = x.rows / x.groups * stride
    for first in Swift.stride(from: columns.lowerBound, to: columns.upperBound, by: chunk) {
      let part = first..<min(first + chunk, columns.upperBound)
      let k = part.count
      let z = scratch
      let moved = scratch + panelHeight * chunk
      dense?.write(block, rows: panelRows, columns: part, into: z)
      let (stored, storedStride) = source(panelRows, part, dense == nil ? scratch : moved + panelHeight * chunk)
      for group in 0..<x.groups {
        var (w, stride_) = (stored, storedStride)
        if dense != nil, weights.offsets[group] != 0 {
          for r in 0..<panel.count {
            zeroth_displace(k, stored + r * storedStride, weights.offsets[group], z + r * k, moved + r * k)
          }
          (w, stride_) = (UnsafePointer(moved), k)
        }
        x.multiply(
          group: group, columns: (first - columns.lowerBound)..<(first - columns.lowerBound + k), w,
          height: panel.count, stride: stride_, addingTo: out + group * groupStride, stride: stride)
      }
    }
  }

  /// W[rows, part] as floats, where they are stored or widened into `scratch`, and the distance of its rows.
  private func source(
    _ rows: Range<Int>, _ part: Range<Int>, _ scratch: UnsafeMutablePointer<Float>
  ) -> (UnsafePointer<Float>, Int) {
    let n = block.columns
    if let w = weights.stored.floats(of: block) { return (w + rows.lowerBound * n + part.lowerBound, n) }
    let format = weights.stored.format(of: block)
    let start = weights.stored.address(of: block) + (rows.lowerBound * n + part.lowerBound) * format.size
    for r in 0..<rows.count {
      zeroth_widen(format.kernel, part.count, start + r * n * format.size, scratch + r * part.count)
    }
    return (UnsafePointer(scratch), part.count)
  }

  /// out += projected [B | U]^T.
  private func addThin(
    _ projected: Matrix, panel: Range<Int>, to out: UnsafeMutablePointer<Float>, stride: Int,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let first = rows.lowerBound + panel.lowerBound
    let factors = scratch  // [B | U]^T, rank x panel.count
    let left = scratch + panelHeight * rank
    func transpose(_ factor: UnsafePointer<Float>, _ r: Int, at place: Int) {
      for q in 0..<r {
        let row = factors + (place + q) * panel.count
        for j in 0..<panel.count { row[j] = factor[j * r + q] }
      }
    }
    if let pending { transpose(pending.left + first * pending.rank, pending.rank, at: 0) }
    if let lowRank {
      lowRank.writeLeft(
        of: block, rows: first..<(first + panel.count),
        into: UnsafeMutableBufferPointer(start: left, count: panel.count * lowRank.rank))
      transpose(left, lowRank.rank, at: rank - lowRank.rank)
    }
    zeroth_low_rank_add(x.rows, panel.count, rank, 1, projected.base, factors, out, stride)
  }

  /// [x V of the pending term | offset_v scale x V of the direction], for the rows of each variant: x.rows x rank.
  private static func project(
    _ x: PackedRows, _ pending: LowRankTerm?, _ lowRank: (any LowRankDirection)?, _ block: ParameterBlock,
    _ columns: Range<Int>, _ weights: Weights
  ) -> Matrix? {
    let first = pending?.rank ?? 0
    let second = lowRank?.rank ?? 0
    guard first + second > 0 else { return nil }
    let projected = weights.workspace.matrix(x.rows, first + second)
    // V of the direction is that of the pending term for as long as a window lasts.
    let isShared = pending != nil && pending?.rightKey == lowRank?.rightKey && first == second
    func multiply(_ right: UnsafePointer<Float>, _ rank: Int, column: Int) {
      x.multiplyThin(right + columns.lowerBound, height: rank, stride: block.columns, into: projected, column: column)
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

extension Weights {
  /// y = f(x W^T + b), or y += x W^T + b: x is variants * R x n, W m x n, y variants * R x m. With `rows` or `columns`,
  /// that part of W alone, and the part of b that belongs to the rows.
  func linear(
    _ x: PackedRows, _ weight: ParameterBlock, rows: Range<Int>? = nil, columns: Range<Int>? = nil,
    bias: ParameterBlock? = nil, into y: Matrix, accumulate: Bool = false,
    activation: zeroth_activation = zeroth_identity
  ) {
    workspace.scope {
      let biases = bias.map { vector($0, rows: rows) }
      let product = Product(x, weight, rows: rows, columns: columns, self)
      let count = x.rows / variants
      workspace.forEach(product.panelCount, scratch: product.scratchCount) { i, scratch in
        let panel = product.panel(i)
        for v in 0..<variants {
          let target = y.row(v * count) + panel.lowerBound
          let b = biases.map { UnsafePointer($0.row(v)) + panel.lowerBound }
          if !accumulate {
            zeroth_fill_rows(count, panel.count, b, target, y.columns)
          } else if let b {
            zeroth_add_rows(count, panel.count, b, target, y.columns)
          }
        }
        product.add(panel: panel, to: y.base + panel.lowerBound, stride: y.columns, scratch: scratch)
        zeroth_activate(activation, x.rows, panel.count, y.base + panel.lowerBound, y.columns)
      }
    }
  }
}
