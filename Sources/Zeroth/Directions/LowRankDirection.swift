import CZeroth

/// A direction that equals scale U V^T on each matrix of m x n, with U of m x r and V of n x r. LOZO-M asks for
/// directions of this kind. On vectors its values are those that `add` adds.
public protocol LowRankDirection: Direction {
  /// The rank r, the same for every matrix.
  var rank: Int { get }
  /// The factor in front of U V^T on matrices: 1/r in the estimate of LGE, and 1 while losses are measured.
  var matrixScale: Float { get }
  /// Identifies the right factors: two directions with the same key have the same V on every matrix.
  var rightKey: StreamKey { get }
  /// Writes the rows `rows` of U of the matrix `block`, row by row (rows.count x r).
  func writeLeft(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>)
  /// Writes V^T of the matrix `block`, row by row (r x block.columns).
  func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>)
}

extension LowRankDirection {
  /// Low rank: the direction itself has the factors.
  public var structure: DirectionStructure { .lowRank(self) }

  /// The factor U of the matrix `block`, as an array of m x r.
  public func left(of block: ParameterBlock) -> [Float] {
    [Float](unsafeUninitializedCapacity: block.rows * rank) { buffer, count in
      writeLeft(of: block, rows: 0..<block.rows, into: buffer)
      count = block.rows * rank
    }
  }

  /// values += scale U[rows], where `values` is rows.count x r.
  func addLeft(of block: ParameterBlock, rows: Range<Int>, scale: Float, to values: UnsafeMutablePointer<Float>) {
    let height = max(1, 256 / rank)  // small enough to stay in the first-level cache
    withScratch(height * rank) { u in
      guard let source = u.baseAddress else { return }
      for first in stride(from: rows.lowerBound, to: rows.upperBound, by: height) {
        let part = first..<min(first + height, rows.upperBound)
        writeLeft(of: block, rows: part, into: u)
        zeroth_axpy(part.count * rank, scale, source, values + (first - rows.lowerBound) * rank)
      }
    }
  }

  /// The factor V^T of the matrix `block`, as an array of r x n.
  public func right(of block: ParameterBlock) -> [Float] {
    [Float](unsafeUninitializedCapacity: block.columns * rank) { buffer, count in
      writeRight(of: block, into: buffer)
      count = block.columns * rank
    }
  }
}

extension LowRankDirection {
  /// values += scale U[rows] V^T. Conforming types use it to implement `add` on matrices.
  public func addLowRank(
    to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float
  ) {
    let leftCount = rows.count * rank
    values.withUnsafeMutableBufferPointer { target in
      withScratch(leftCount + block.columns * rank) { factors in
        let left = UnsafeMutableBufferPointer(rebasing: factors[..<leftCount])
        let right = UnsafeMutableBufferPointer(rebasing: factors[leftCount...])
        writeLeft(of: block, rows: rows, into: left)
        writeRight(of: block, into: right)
        guard let u = left.baseAddress, let vt = right.baseAddress, let w = target.baseAddress else { return }
        zeroth_low_rank_add(rows.count, block.columns, rank, scale, u, vt, w, block.columns)
      }
    }
  }
}
