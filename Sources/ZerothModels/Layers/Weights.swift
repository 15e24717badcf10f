import CZeroth
import Zeroth

/// The weights that a forward pass reads: theta + offset_v D for each of several variants v, of which no weight is
/// ever written. Activations hold the variants one below the other: rows v R ..< (v + 1) R belong to variant v.
///
/// The models are written against its operations (embed, linear, norm). They do not know which of three they get: plain
/// weights, weights that a low-rank direction displaces, or weights that a dense direction displaces.
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
    lowRank = self.direction?.factors
    self.offsets = offsets
    self.workspace = workspace
    stored = theta.stored()
  }

  var variants: Int { offsets.count }

  /// Whether variants are evaluated one after the other instead of together: then the activations take no more memory
  /// than those of inference. With so many rows, it costs nothing that each evaluation reads W anew. A dense
  /// direction is excepted, because each evaluation would have to make it anew.
  static func measuresApart(_ direction: (any Direction)?, rows: Int) -> Bool {
    (direction == nil || direction?.factors != nil) && rows >= 256
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

  /// Ranges of the rows of `x`, each of one variant, for a loop that threads share.
  func rowRanges(of x: Matrix) -> EqualRanges {
    EqualRanges(runs: variants, of: x.rows / variants, by: (1 << 14) / max(1, x.columns))
  }

  /// The outputs 0 ..< width of a layer that `x` enters, as one range, or as about `count` ranges of whole units.
  ///
  /// With many rows of x, what lies between two layers takes much memory. A caller that computes both layers range by
  /// range needs the memory of one range alone. With few rows there is one range.
  func outputRanges(of width: Int, unit: Int, count: Int, for x: Matrix) -> EqualRanges {
    guard x.rows >= 256 * variants, count > 1 else { return EqualRanges(0..<width, by: width) }
    let units = (width + unit - 1) / unit
    return EqualRanges(0..<width, by: (units + count - 1) / count * unit)
  }

  /// x = x y, element by element.
  func multiply(_ x: Matrix, by y: Matrix) {
    let ranges = rowRanges(of: x)
    Parallel.forEach(ranges.count, with: (x: x, y: y, ranges: ranges)) { s, i, _ in
      let rows = s.ranges[i]
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
