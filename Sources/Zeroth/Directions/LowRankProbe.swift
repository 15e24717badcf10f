import CZeroth

/// U V^T on matrices, U in R^{m x r} and V in R^{n x r} standard normal, and a plain normal z on vectors ([LOZO]).
///
/// U and the vectors' z come from `leftKey`, V from `rightKey`: a stream of its own, so that V stays while U changes.
public struct LowRankProbe: LowRankDirection {
  /// The rank r.
  public let rank: Int
  /// The key of U and of the noise on vectors.
  public let leftKey: StreamKey
  /// The key of V.
  public let rightKey: StreamKey
  /// The factor in front of U V^T.
  public let matrixScale: Float

  /// The direction that these keys name.
  public init(rank: Int, leftKey: StreamKey, rightKey: StreamKey, matrixScale: Float = 1) {
    self.rank = rank
    self.leftKey = leftKey
    self.rightKey = rightKey
    self.matrixScale = matrixScale
  }

  /// Rows of U.
  public func writeLeft(
    of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>
  ) {
    noise(leftKey, block).fill(
      UnsafeMutableBufferPointer(rebasing: values[..<(rows.count * rank)]), from: rows.lowerBound * rank)
  }

  /// V^T.
  public func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>) {
    noise(rightKey, block).fill(UnsafeMutableBufferPointer(rebasing: values[..<(block.columns * rank)]))
  }

  /// values += scale matrixScale U[rows] V^T on a matrix, scale z[rows] on a vector.
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    guard block.isMatrix else {
      noise(leftKey, block).add(to: &values, from: rows.lowerBound, scale: scale)
      return
    }
    addLowRank(to: &values, of: block, rows: rows, scale: scale * matrixScale)
  }

  private func noise(_ key: StreamKey, _ block: ParameterBlock) -> Noise {
    Noise(key: key.child(.block, block.index), distribution: .gaussian)
  }
}

extension LowRankDirection {
  /// values += scale U[rows] V^T, for conformers' `add` on matrices.
  public func addLowRank(
    to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float
  ) {
    let leftCount = rows.count * rank
    values.withUnsafeMutableBufferPointer { target in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: leftCount + block.columns * rank) { factors in
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
