import CZeroth
import Zeroth

/// x W^T for all variants of W, computed panel by panel (some rows of W, columns of the result):
///
///     plain     y = x W^T
///     low rank  y = x W^T + offset (x V) U^T         two thin products beside the plain one; U V^T is never formed
///     dense     y = x (W + offset z)^T               z is made once per panel, and W + offset z in scratch
///
/// Panels depend on shapes alone, so that the number of threads never changes a result.
struct Product: @unchecked Sendable {
  private enum Path {
    case plain
    case lowRank(any LowRankDirection, projected: Matrix)
    case dense(any Direction)
  }

  private let weights: Weights
  private let x: Matrix
  private let block: ParameterBlock
  private let path: Path
  /// Rows of W in a panel; the last may have fewer.
  let panelHeight: Int

  /// Floats of a panel of W that is made in scratch.
  private static let densePanel = 1 << 18

  init(_ x: Matrix, _ block: ParameterBlock, _ weights: Weights, limit: Int = .max) {
    self.weights = weights
    self.x = x
    self.block = block
    var height = (block.rows + 1) / 2
    if let direction = weights.displacement(of: block) {
      if let lowRank = direction.lowRank, block.isMatrix {
        path = .lowRank(lowRank, projected: Self.project(x, lowRank, block, weights))
      } else {
        path = .dense(direction)
        height = min(height, Self.densePanel / block.columns)
      }
    } else {
      path = .plain
    }
    height = max(16, min(height, limit))
    // Panels of even height, in whole vectors.
    let count = (block.rows + height - 1) / height
    panelHeight = ((block.rows + count - 1) / count + 15) / 16 * 16
  }

  var panelCount: Int { (block.rows + panelHeight - 1) / panelHeight }

  func panel(_ i: Int) -> Range<Int> { (i * panelHeight)..<min((i + 1) * panelHeight, block.rows) }

  /// Floats of scratch that a panel takes.
  var scratchCount: Int {
    switch path {
    case .plain: 0
    case .lowRank(let direction, _): 2 * panelHeight * direction.rank
    case .dense: 2 * panelHeight * block.columns
    }
  }

  /// out (x.rows x panel.count, leading dimension `stride`) += x W[panel]^T.
  func add(
    panel: Range<Int>, to out: UnsafeMutablePointer<Float>, stride: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    let n = panel.count
    let k = block.columns
    let w = weights.address(of: block) + panel.lowerBound * k
    switch path {
    case .plain:
      zeroth_sgemm(true, x.rows, n, k, 1, x.base, k, w, k, 1, out, stride)
    case .lowRank(let direction, let projected):
      zeroth_sgemm(true, x.rows, n, k, 1, x.base, k, w, k, 1, out, stride)
      let r = direction.rank
      let left = scratch
      let transposed = scratch + n * r
      direction.writeLeft(of: block, rows: panel, into: UnsafeMutableBufferPointer(start: left, count: n * r))
      for j in 0..<n { for q in 0..<r { transposed[q * n + j] = left[j * r + q] } }
      zeroth_low_rank_add(x.rows, n, r, 1, projected.base, transposed, out, stride)
    case .dense(let direction):
      let z = scratch
      let moved = scratch + n * k
      let rows = x.rows / weights.variants
      direction.write(block, rows: panel, into: z)
      for v in 0..<weights.variants {
        let offset = weights.offsets[v]
        if offset != 0 { zeroth_displace(n * k, w, offset, z, moved) }
        zeroth_sgemm(
          true, rows, n, k, 1, x.row(v * rows), k, offset != 0 ? UnsafePointer(moved) : w, k, 1,
          out + v * rows * stride, stride)
      }
    }
  }

  /// offset_v scale x V for the rows of each variant: x.rows x r.
  private static func project(
    _ x: Matrix, _ direction: any LowRankDirection, _ block: ParameterBlock, _ weights: Weights
  ) -> Matrix {
    let right = weights.rightFactor(direction, block)
    let projected = weights.workspace.matrix(x.rows, direction.rank)
    weights.forRows(x) { v, rows in
      zeroth_thin_product(
        rows.count, block.columns, direction.rank, weights.offsets[v] * direction.matrixScale,
        x.row(rows.lowerBound), right.base, projected.row(rows.lowerBound))
    }
    return projected
  }
}

extension Weights {
  /// y = f(x W^T + b), or y += x W^T + b: x is variants * R x n, W m x n, y variants * R x m.
  func linear(
    _ x: Matrix, _ weight: ParameterBlock, bias: ParameterBlock? = nil, into y: Matrix, accumulate: Bool = false,
    activation: zeroth_activation = zeroth_identity
  ) {
    workspace.scope {
      let biases = bias.map(vector)
      let product = Product(x, weight, self)
      let rows = x.rows / variants
      workspace.forEach(product.panelCount, scratch: product.scratchCount) { i, scratch in
        let panel = product.panel(i)
        for v in 0..<variants {
          let target = y.row(v * rows) + panel.lowerBound
          let b = biases.map { UnsafePointer($0.row(v)) + panel.lowerBound }
          if !accumulate {
            zeroth_fill_rows(rows, panel.count, b, target, y.columns)
          } else if let b {
            zeroth_add_rows(rows, panel.count, b, target, y.columns)
          }
        }
        product.add(panel: panel, to: y.base + panel.lowerBound, stride: y.columns, scratch: scratch)
        zeroth_activate(activation, x.rows, panel.count, y.base + panel.lowerBound, y.columns)
      }
    }
  }
}
