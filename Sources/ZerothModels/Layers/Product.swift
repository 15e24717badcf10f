import CZeroth
import Zeroth

/// x W^T for all variants of W, or of some of its rows and columns, computed panel by panel (some rows of W):
///
///     plain     y = x W^T
///     low rank  y = x W^T + offset (x V) U^T         two thin products beside the plain one; U V^T is never formed
///     dense     y = x (W + offset z)^T               z is made and added while W is packed, once for all variants
///
/// What a window of low-rank updates has left apart from W (`ParameterStore`) is one more thin product. Panels depend on
/// shapes alone, so that the number of threads never changes a result.
struct Product: @unchecked Sendable {
  private let weights: Weights
  private let x: Matrix
  private let block: ParameterBlock
  private let rows: Range<Int>
  private let columns: Range<Int>
  /// What is added to W while it is packed.
  private let dense: (any Direction)?
  /// The thin products' left factors, and x times their right ones.
  private let pending: LowRankTerm?
  private let lowRank: (any LowRankDirection)?
  private let projected: Matrix?
  /// Whether W is multiplied as it is stored.
  private let isFew: Bool
  /// Rows of W in a panel; the last may have fewer.
  let panelHeight: Int
  /// Columns of W that are packed at a time.
  private let chunk: Int

  /// With at most so many rows of x, W is multiplied as it is stored.
  private static let fewRows = 96

  /// x (variants * R x columns.count) times W[rows, columns]^T; `limit` is the highest panel that is wanted.
  init(
    _ x: Matrix, _ block: ParameterBlock, rows: Range<Int>? = nil, columns: Range<Int>? = nil, _ weights: Weights,
    limit: Int = .max
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
    isFew = x.rows / (dense == nil ? 1 : weights.variants) <= Self.fewRows
    let height = min(limit, isFew ? 128 : 384)
    // Panels of even height, in whole strips, two at least.
    let width = Int(zeroth_strip_width)
    let count = max(2, (self.rows.count + height - 1) / height)
    panelHeight = max(1, ((self.rows.count + count - 1) / count + width - 1) / width) * width
    let chunks = (self.columns.count + 767) / 768
    chunk = ((self.columns.count + chunks - 1) / chunks + 63) / 64 * 64
  }

  private var packedVariants: Int { dense == nil ? 1 : weights.variants }
  private var rank: Int { projected?.columns ?? 0 }
  private var isStoredAsFloats: Bool { weights.stored.floats(of: block) != nil }

  var panelCount: Int { (rows.count + panelHeight - 1) / panelHeight }

  /// Panel `i` as rows of the result: counted from the first row of the slice.
  func panel(_ i: Int) -> Range<Int> { (i * panelHeight)..<min((i + 1) * panelHeight, rows.count) }

  /// Floats of scratch that a panel takes.
  var scratchCount: Int {
    let strip = Int(zeroth_strip_width)
    let thin = (panelHeight + strip) * 2 * rank
    if isFew { return max(thin, isStoredAsFloats && dense == nil ? 0 : 2 * panelHeight * chunk) }
    return max(thin, (packedVariants * panelHeight + 2 * strip) * chunk)
  }

  /// out (x.rows x panel.count, leading dimension `stride`) += x W[panel]^T.
  func add(
    panel: Range<Int>, to out: UnsafeMutablePointer<Float>, stride: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    if let projected { addThin(projected, panel: panel, to: out, stride: stride, scratch: scratch) }
    for first in Swift.stride(from: columns.lowerBound, to: columns.upperBound, by: chunk) {
      let part = first..<min(first + chunk, columns.upperBound)
      if isFew {
        multiplyFew(panel, part, to: out, stride: stride, scratch: scratch)
      } else {
        multiplyPacked(panel, part, to: out, stride: stride, scratch: scratch)
      }
    }
  }

  /// The columns `part` of the product, W displaced and packed strip by strip.
  private func multiplyPacked(
    _ panel: Range<Int>, _ part: Range<Int>, to out: UnsafeMutablePointer<Float>, stride: Int,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let width = Int(zeroth_strip_width)
    let k = part.count
    let packedCount = (panel.count + width - 1) / width * width * k
    let z = scratch + packedVariants * packedCount
    let widened = z + width * k
    for strip in Swift.stride(from: panel.lowerBound, to: panel.upperBound, by: width) {
      let first = rows.lowerBound + strip
      let stripRows = first..<(first + min(width, panel.upperBound - strip))
      let (w, ld) = source(stripRows, part, widened)
      dense?.write(block, rows: stripRows, columns: part, into: z)
      for v in 0..<packedVariants {
        let offset = dense == nil ? 0 : weights.offsets[v]
        zeroth_pack_strip(
          stripRows.count, k, w, ld, offset, offset == 0 ? nil : UnsafePointer(z), k,
          scratch + v * packedCount + (strip - panel.lowerBound) * k)
      }
    }
    let m = x.rows / packedVariants
    let at = part.lowerBound - columns.lowerBound
    for v in 0..<packedVariants {
      zeroth_multiply_packed(
        m, panel.count, k, x.row(v * m) + at, x.columns, scratch + v * packedCount, k, true, out + v * m * stride,
        stride)
    }
  }

  /// The columns `part` of the product of few rows, with W displaced or widened in scratch.
  private func multiplyFew(
    _ panel: Range<Int>, _ part: Range<Int>, to out: UnsafeMutablePointer<Float>, stride: Int,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let k = part.count
    let panelRows = (rows.lowerBound + panel.lowerBound)..<(rows.lowerBound + panel.upperBound)
    let z = scratch + panelHeight * chunk
    dense?.write(block, rows: panelRows, columns: part, into: z)
    let m = x.rows / packedVariants
    let at = part.lowerBound - columns.lowerBound
    for v in 0..<packedVariants {
      var (w, ld) = source(panelRows, part, scratch)
      if dense != nil, weights.offsets[v] != 0 {
        for r in 0..<panel.count {
          zeroth_displace(k, w + r * ld, weights.offsets[v], z + r * k, scratch + r * k)
        }
        (w, ld) = (UnsafePointer(scratch), k)
      }
      zeroth_multiply_stored(
        m, panel.count, k, x.row(v * m) + at, x.columns, w, ld, true, out + v * m * stride, stride)
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
    let width = Int(zeroth_strip_width)
    let first = rows.lowerBound + panel.lowerBound
    let left = scratch + (panelHeight + width) * rank
    let packed = scratch
    func pack(_ factor: UnsafePointer<Float>, _ r: Int, at place: Int) {
      for j in 0..<panel.count {
        let target = packed + j / width * width * rank + j % width
        for q in 0..<r { target[(place + q) * width] = factor[j * r + q] }
      }
    }
    packed.update(repeating: 0, count: (panel.count + width - 1) / width * width * rank)
    if let pending { pack(pending.left + first * pending.rank, pending.rank, at: 0) }
    if let lowRank {
      lowRank.writeLeft(
        of: block, rows: first..<(first + panel.count),
        into: UnsafeMutableBufferPointer(start: left, count: panel.count * lowRank.rank))
      pack(left, lowRank.rank, at: rank - lowRank.rank)
    }
    zeroth_multiply_packed(x.rows, panel.count, rank, projected.base, rank, packed, rank, true, out, stride)
  }

  /// [x V of the pending term | offset_v scale x V of the direction], for the rows of each variant: x.rows x rank.
  private static func project(
    _ x: Matrix, _ pending: LowRankTerm?, _ lowRank: (any LowRankDirection)?, _ block: ParameterBlock,
    _ columns: Range<Int>, _ weights: Weights
  ) -> Matrix? {
    let first = pending?.rank ?? 0
    let second = lowRank?.rank ?? 0
    guard first + second > 0 else { return nil }
    let projected = weights.workspace.matrix(x.rows, first + second)
    // V of the direction is that of the pending term for as long as a window lasts.
    let isShared = pending != nil && pending?.rightKey == lowRank?.rightKey && first == second
    let right = isShared ? nil : lowRank.map { weights.rightFactor($0, block) }
    let n = block.columns
    weights.forRows(x) { v, rows in
      let scale = weights.offsets[v] * (lowRank?.matrixScale ?? 0)
      func multiply(_ right: UnsafePointer<Float>, _ rank: Int, at place: Int) {
        zeroth_multiply_stored(
          rows.count, rank, columns.count, x.row(rows.lowerBound), x.columns, right + columns.lowerBound, n, false,
          projected.row(rows.lowerBound) + place, projected.columns)
      }
      if let pending { multiply(pending.right, first, at: 0) }
      if let right { multiply(right.base, second, at: first) }
      for row in rows where second > 0 {
        let values = projected.row(row)
        for q in 0..<second { values[first + q] = scale * values[isShared ? q : first + q] }
      }
    }
    return projected
  }
}

extension Weights {
  /// y = f(x W^T + b), or y += x W^T + b: x is variants * R x n, W m x n, y variants * R x m. With `rows` or `columns`,
  /// that part of W alone, and the part of b that belongs to the rows.
  func linear(
    _ x: Matrix, _ weight: ParameterBlock, rows: Range<Int>? = nil, columns: Range<Int>? = nil,
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
