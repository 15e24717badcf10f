import CZeroth

/// B V^T on a matrix, m x n, of a base that is never written: B is m x r, V^T r x n. It never changes, so that copies of a
/// store share it.
final class FactorPair: @unchecked Sendable {
  /// r.
  let rank: Int
  /// Rows m and columns n of the matrix.
  let block: ParameterBlock
  /// Draws V, where V is drawn from its key; otherwise V^T stands behind B.
  let drawn: LowRankProbe?
  private let memory: UnsafeMutablePointer<Float>

  /// `fill` is given B and, where V is not drawn, V^T.
  init(
    rank: Int, _ block: ParameterBlock, drawn: LowRankProbe?,
    _ fill: (_ left: UnsafeMutablePointer<Float>, _ right: UnsafeMutablePointer<Float>?) -> Void
  ) {
    (self.rank, self.block, self.drawn) = (rank, block, drawn)
    let count = rank * (block.rows + (drawn == nil ? block.columns : 0))
    guard let memory = zeroth_allocate(count * MemoryLayout<Float>.stride) else {
      zeroth_end_without_memory("\(count) floats of low-rank updates")
    }
    self.memory = memory.assumingMemoryBound(to: Float.self)
    fill(self.memory, drawn == nil ? self.memory + rank * block.rows : nil)
  }

  deinit { zeroth_deallocate(memory, count * MemoryLayout<Float>.stride) }

  /// Floats that are held.
  var count: Int { rank * (block.rows + (drawn == nil ? block.columns : 0)) }

  /// What is held: B, and V^T where it is not drawn.
  var values: UnsafeMutableBufferPointer<Float> { UnsafeMutableBufferPointer(start: memory, count: count) }

  /// B.
  var left: UnsafePointer<Float> { UnsafePointer(memory) }

  /// target = the columns `columns` of V^T, r x columns.count.
  func writeRight(columns: Range<Int>, into target: UnsafeMutablePointer<Float>) {
    if let drawn {
      drawn.writeRight(of: block, columns: columns, into: target)
      return
    }
    let right = memory + rank * block.rows + columns.lowerBound
    for q in 0..<rank { (target + q * columns.count).update(from: right + q * block.columns, count: columns.count) }
  }

  /// The same with factor B.
  func scaled(by factor: Float) -> FactorPair {
    FactorPair(rank: rank, block, drawn: drawn) { left, right in
      left.update(from: self.left, count: rank * block.rows)
      zeroth_scale(rank * block.rows, factor, left)
      right?.update(from: memory + rank * block.rows, count: rank * block.columns)
    }
  }
}

/// The factor pairs that belong to a matrix on top of what is stored, side by side: sum_k B_k V_k^T = [B_1 | B_2 | ...] [V_1 | V_2 | ...]^T.
public struct KeptFactors: @unchecked Sendable {
  let pairs: [FactorPair]
  /// The columns of all B.
  public let rank: Int
  /// Rows m and columns n of the matrix.
  public let block: ParameterBlock

  init?(_ pairs: [FactorPair]?) {
    guard let pairs, let first = pairs.first else { return nil }
    self.pairs = pairs
    block = first.block
    rank = pairs.reduce(0) { $0 + $1.rank }
  }

  /// Puts the rows `rows` of [B_1 | B_2 | ...] to `target`, whose rows are `stride` floats apart.
  package func putLeft(rows: Range<Int>, into target: UnsafeMutablePointer<Float>, stride: Int) {
    var column = 0
    for pair in pairs {
      zeroth_put_columns(
        rows.count, pair.rank, pair.left + rows.lowerBound * pair.rank, stride, target + column)
      column += pair.rank
    }
  }

  /// target = the columns `columns` of [V_1 | V_2 | ...]^T, rank x columns.count, on all threads.
  @inline(never)  // inlined it crashes the optimiser of Swift 6.3
  package func writeRight(columns: Range<Int>, into target: UnsafeMutablePointer<Float>) {
    Parallel.forEach(pairs.count, Writing(pairs: pairs, columns: columns, target: target))
  }

  private struct Writing: ~Copyable, ParallelWork, @unchecked Sendable {
    let pairs: [FactorPair]
    let columns: Range<Int>
    let target: UnsafeMutablePointer<Float>

    func run(_ i: Int, _: Int) {
      let before = pairs[..<i].reduce(0) { $0 + $1.rank }
      pairs[i].writeRight(columns: columns, into: target + before * columns.count)
    }
  }

  /// [B_1 | B_2 | ...], m x rank.
  public var left: [Float] {
    [Float](unsafeUninitializedCapacity: block.rows * rank) { buffer, count in
      if let start = buffer.baseAddress { putLeft(rows: 0..<block.rows, into: start, stride: rank) }
      count = block.rows * rank
    }
  }

  /// [V_1 | V_2 | ...]^T, rank x n.
  public var right: [Float] {
    [Float](unsafeUninitializedCapacity: rank * block.columns) { buffer, count in
      if let start = buffer.baseAddress { writeRight(columns: 0..<block.columns, into: start) }
      count = rank * block.columns
    }
  }
}

/// A low-rank direction that may know a key from which its V is drawn.
protocol RightFactorSource {
  /// A direction with this V, and the key of V in the place of all others; nil where V is no drawing of LGE.
  var drawnRight: LowRankProbe? { get }
}

extension LowRankDirection {
  /// Draws V of this direction, where it is drawn from its key.
  var rightSource: LowRankProbe? { (self as? any RightFactorSource)?.drawnRight }
}

extension LowRankProbe: RightFactorSource {
  var drawnRight: LowRankProbe? { LowRankProbe(rank: rank, leftKey: rightKey, rightKey: rightKey) }
}

extension ScaledLowRank: RightFactorSource {
  var drawnRight: LowRankProbe? { base.rightSource }
}

extension LowRankSum: RightFactorSource {
  var drawnRight: LowRankProbe? { first.rightSource }
}

extension LowRankMomentumUpdate: RightFactorSource {
  var drawnRight: LowRankProbe? { source.rightSource }
}
