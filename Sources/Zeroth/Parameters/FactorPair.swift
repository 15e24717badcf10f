import CZeroth

/// A low-rank update B V^T of an m x n matrix that is itself never written: B is m x r and V^T is r x n. A pair does
/// not change after it is made, so copies of a store share it.
final class FactorPair: @unchecked Sendable {
  /// The rank r.
  let rank: Int
  /// The matrix: m rows, n columns.
  let block: ParameterBlock
  /// Draws V again from its key where V is random, so that V need not be stored. Where nil, V^T is stored behind B.
  let drawn: LowRankProbe?
  private let memory: UnsafeMutablePointer<Float>

  /// `fill` writes the values: it is given the memory of B and, where V is not drawn, that of V^T.
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

  /// The number of floats that are held.
  var count: Int { rank * (block.rows + (drawn == nil ? block.columns : 0)) }

  /// The floats that are held: B, and behind it V^T where V is not drawn.
  var values: UnsafeMutableBufferPointer<Float> { UnsafeMutableBufferPointer(start: memory, count: count) }

  /// The factor B, m x r.
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

  /// The pair of factor B and V^T, a copy.
  func scaled(by factor: Float) -> FactorPair {
    FactorPair(rank: rank, block, drawn: drawn) { left, right in
      left.update(from: self.left, count: rank * block.rows)
      zeroth_scale(rank * block.rows, factor, left)
      right?.update(from: memory + rank * block.rows, count: rank * block.columns)
    }
  }
}

/// The factor pairs that are added to the stored values of a matrix, side by side: sum_k B_k V_k^T = [B_1 | B_2 | ...]
/// [V_1 | V_2 | ...]^T.
public struct KeptFactors: @unchecked Sendable {
  let pairs: [FactorPair]
  /// The number of columns of [B_1 | B_2 | ...].
  public let rank: Int
  /// The matrix: m rows, n columns.
  public let block: ParameterBlock

  init?(_ pairs: [FactorPair]?) {
    guard let pairs, let first = pairs.first else { return nil }
    self.pairs = pairs
    block = first.block
    rank = pairs.reduce(0) { $0 + $1.rank }
  }

  /// Copies the rows `rows` of [B_1 | B_2 | ...] to `target`, whose rows are `stride` floats apart.
  package func putLeft(rows: Range<Int>, into target: UnsafeMutablePointer<Float>, stride: Int) {
    var column = 0
    for pair in pairs {
      zeroth_put_columns(
        rows.count, pair.rank, pair.left + rows.lowerBound * pair.rank, stride, target + column)
      column += pair.rank
    }
  }

  /// target = the columns `columns` of [V_1 | V_2 | ...]^T, rank x columns.count. Runs on all threads.
  @inline(never)  // inlined, it crashes the optimiser of the Swift 6.3 compiler
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

/// A low-rank direction whose V may be drawn from a key.
protocol RightFactorSource {
  /// A direction with the same V as this one, in which the key of V stands for the key of U too. Nil where V was not
  /// drawn by the estimator LGE.
  var drawnRight: LowRankProbe? { get }
}

extension LowRankDirection {
  /// The direction that draws V of this one again from a key; nil where V is not drawn from a key.
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
