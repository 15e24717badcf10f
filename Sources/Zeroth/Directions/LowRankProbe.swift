import CZeroth

/// U V^T on matrices, with U in R^{m x r} and V in R^{n x r} standard normal, and a standard normal z on vectors
/// ([LOZO]).
///
/// U, and z of the vectors, come from `leftKey`. V comes from `rightKey`, a stream of its own, so that V can stay the
/// same while U changes.
///
/// Where the smaller side s of a matrix is below r, the rank on that matrix is s: the first s columns of U and V are
/// drawn, and the others are zero. U is then multiplied by sqrt(r/s). So the elements of U V^T have the variance r in
/// every matrix, and the estimate can use the factor 1/r everywhere.
///
/// The fields are packed into 24 bytes so that a step allocates no memory: a value of `any Direction` stores up to 24
/// bytes in place and puts a larger value on the heap.
public struct LowRankProbe: LowRankDirection {
  private let leftBits, rightBits: UInt64
  /// The factor in front of U V^T.
  public let matrixScale: Float
  private let shortRank: UInt16
  private let generator: RandomGenerator

  /// The direction with these two keys, which have to be of one generator. `rank` is below 65536.
  public init(rank: Int, leftKey: StreamKey, rightKey: StreamKey, matrixScale: Float = 1) {
    precondition(leftKey.generator == rightKey.generator, "the keys of U and V belong to one generator")
    precondition(UInt16(exactly: rank) != nil, "rank \(rank) of a probe is below 65536")
    leftBits = leftKey.bits
    rightBits = rightKey.bits
    self.matrixScale = matrixScale
    shortRank = UInt16(rank)
    generator = leftKey.generator
  }

  /// The rank r.
  public var rank: Int { Int(shortRank) }
  /// The key of U, and of the noise on vectors.
  public var leftKey: StreamKey { StreamKey(bits: leftBits, generator: generator) }
  /// The key of V.
  public var rightKey: StreamKey { StreamKey(bits: rightBits, generator: generator) }

  /// Writes rows of U.
  public func writeLeft(
    of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>
  ) {
    let cut = Self.cut(rank, on: block)
    let scale = cut == rank ? 1 : (Float(rank) / Float(cut)).squareRoot()
    noise(leftKey, block).fill(
      UnsafeMutableBufferPointer(rebasing: values[..<(rows.count * rank)]), from: rows.lowerBound * rank, scale: scale)
    guard cut < rank else { return }
    for row in 0..<rows.count { for q in cut..<rank { values[row * rank + q] = 0 } }
  }

  /// The rank on `block` of a direction of rank `rank`: at most the smaller side of the block.
  static func cut(_ rank: Int, on block: ParameterBlock) -> Int { min(rank, block.rows, block.columns) }

  /// Writes V^T, r x n.
  public func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>) {
    let drawn = block.columns * Self.cut(rank, on: block)
    noise(rightKey, block).fill(UnsafeMutableBufferPointer(rebasing: values[..<drawn]))
    for i in drawn..<(block.columns * rank) { values[i] = 0 }
  }

  /// target = the columns `columns` of V^T, r x columns.count.
  func writeRight(of block: ParameterBlock, columns: Range<Int>, into target: UnsafeMutablePointer<Float>) {
    let noise = noise(rightKey, block)
    let drawn = Self.cut(rank, on: block)
    for q in 0..<rank {
      let row = UnsafeMutableBufferPointer(start: target + q * columns.count, count: columns.count)
      if q < drawn {
        noise.fill(row, from: q * block.columns + columns.lowerBound)
      } else {
        row.update(repeating: 0)
      }
    }
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
