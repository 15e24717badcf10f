import CZeroth
import Zeroth

/// The weights that a forward pass reads: theta + offset_v D for each of several variants v, of which no weight is
/// ever written. Activations hold the variants one below the other: rows v R ..< (v + 1) R belong to variant v.
///
/// The models are written against its operations (embed, linear, norm) and do not know which of the three they get:
/// plain weights, those displaced by a low-rank direction, or by a dense one.
struct Weights: @unchecked Sendable {
  let layout: ParameterLayout
  let direction: (any Direction)?
  /// The factors of `direction`, where it has low rank.
  let lowRank: (any LowRankDirection)?
  let offsets: Few<Float>
  let workspace: Workspace
  /// theta, with what is pending apart from it.
  let stored: StoredParameters

  /// The weights theta + offsets[v] `direction`; without a direction, theta itself once for each offset.
  init(
    _ theta: borrowing ParameterStore, along direction: (any Direction)?, at offsets: Few<Float>, workspace: Workspace
  ) {
    layout = theta.layout
    self.direction = offsets.allSatisfy { $0 == 0 } ? nil : direction
    lowRank = self.direction?.lowRank
    self.offsets = offsets
    self.workspace = workspace
    stored = theta.stored()
  }

  var variants: Int { offsets.count }

  /// Whether variants go one after the other: with so many rows, reading W once more costs nothing, and the activations
  /// of one variant take the memory of inference. A dense direction is made once for all variants instead.
  static func measuresApart(_ direction: (any Direction)?, rows: Int) -> Bool {
    (direction == nil || direction?.lowRank != nil) && rows >= 256
  }

  /// The direction, if it moves `block`.
  func displacement(of block: ParameterBlock) -> (any Direction)? {
    guard let direction, block.isTrainable, direction.touches(block) else { return nil }
    return direction
  }

  /// The vector `block`, or its elements `rows`, in each variant: variants x count.
  func vector(_ block: ParameterBlock, rows: Range<Int>? = nil) -> Matrix {
    let rows = rows ?? 0..<block.rows
    let count = rows.count * block.columns
    let result = workspace.matrix(variants, count)
    let source = result.row(variants - 1)
    stored.read(block, rows: rows, into: source)
    for v in 0..<(variants - 1) { result.row(v).update(from: source, count: count) }
    if let direction = displacement(of: block) {
      let z = workspace.matrix(1, count)
      direction.write(block, rows: rows, into: z.base)
      for v in 0..<variants where offsets[v] != 0 {
        zeroth_axpy(count, offsets[v], z.base, result.row(v))
      }
    }
    return result
  }

  /// V^T of a low-rank direction on `block`: r x columns.
  func rightFactor(_ direction: any LowRankDirection, _ block: ParameterBlock) -> Matrix {
    let right = workspace.matrix(direction.rank, block.columns)
    direction.writeRight(
      of: block, into: UnsafeMutableBufferPointer(start: right.base, count: right.rows * right.columns))
    return right
  }

  /// The rows of each variant of `x` in chunks, for a loop over them.
  func rowChunks(of x: Matrix) -> Pieces {
    Pieces(groups: variants, of: x.rows / variants, by: (1 << 14) / max(1, x.columns))
  }

  /// 0 ..< width as one piece, or as about `count` of whole units where `x` has so many rows that a layer's activations
  /// weigh: then they exist for a piece at a time.
  func pieces(of width: Int, unit: Int, count: Int, for x: Matrix) -> Pieces {
    guard x.rows >= 256 * variants, count > 1 else { return Pieces(0..<width, by: width) }
    let units = (width + unit - 1) / unit
    return Pieces(0..<width, by: (units + count - 1) / count * unit)
  }

  /// x = x y, element by element.
  func multiply(_ x: Matrix, by y: Matrix) {
    let chunks = rowChunks(of: x)
    Parallel.forEach(chunks.count, with: (x: x, y: y, chunks: chunks)) { s, i, _ in
      let rows = s.chunks[i]
      zeroth_multiply(rows.count * s.x.columns, s.y.row(rows.lowerBound), s.x.row(rows.lowerBound))
    }
  }
}

extension Direction {
  /// target = D[rows] of `block`.
  func write(_ block: ParameterBlock, rows: Range<Int>, into target: UnsafeMutablePointer<Float>) {
    let count = rows.count * block.columns
    var span = UnsafeMutableBufferPointer(start: target, count: count).mutableSpan
    write(to: &span, of: block, rows: rows)
  }

  /// target = D[rows, columns] of `block`.
  func write(
    _ block: ParameterBlock, rows: Range<Int>, columns: Range<Int>, into target: UnsafeMutablePointer<Float>
  ) {
    var span = UnsafeMutableBufferPointer(start: target, count: rows.count * columns.count).mutableSpan
    write(to: &span, of: block, rows: rows, columns: columns)
  }
}
