import Synchronization
import Zeroth

/// The direction sqrt(m/s) P Psi on matrices, and a plain normal z on vectors.
///
/// It has low-rank factors, along which a model can measure. It is not a `LowRankDirection`, because the directions of
/// that kind share one V in a step, and each query has its own Psi.
public struct ColumnDirection: CoreDirection {
  private let frame: ColumnFrame
  private let coreKey: StreamKey

  init(_ frame: ColumnFrame, coreKey: StreamKey) {
    self.frame = frame
    self.coreKey = coreKey
  }

  /// The key of P, which is the frame.
  public var frameKey: StreamKey { frame.key }

  /// Low rank, with the factors sqrt(m/s) P and Psi^T.
  public var structure: DirectionStructure {
    .lowRank(ColumnFactors(frame: frame, rightKey: coreKey, source: .key(coreKey)))
  }

  /// The core Psi is s x n.
  public func coreShape(of block: ParameterBlock) -> (rows: Int, columns: Int) {
    (ColumnFrame.cut(frame.rank, on: block), block.columns)
  }

  /// Writes rows of Psi.
  public func writeCore(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    frame.writeCore(coreKey, of: block, rows: rows, into: values)
  }

  /// values += scale z[rows].
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    guard block.isMatrix else {
      return frame.noise(coreKey).add(to: &values, of: block, rows: rows, scale: scale)
    }
    ColumnFactors(frame: frame, rightKey: coreKey, source: .key(coreKey))
      .addLowRank(to: &values, of: block, rows: rows, scale: scale)
  }

  /// The direction scale sqrt(m/s) P C.
  public func image(of cores: CoreVector, scale: Float) -> ColumnImage {
    ColumnImage(factors: ColumnFactors(frame: frame, rightKey: coreKey, source: .stored(cores)), scale: scale)
  }

  /// C <- P^T P_old C.
  public func carry(_ core: UnsafeMutableBufferPointer<Float>, of block: ParameterBlock, from key: StreamKey) {
    frame.carry(core, of: block, from: key)
  }
}

/// The direction scale sqrt(m/s) P C on matrices and scale C on vectors, where C is stored.
public struct ColumnImage: Direction {
  let factors: ColumnFactors
  let scale: Float

  /// values += scale times these rows of the direction.
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    factors.add(to: &values, of: block, rows: rows, scale: scale * self.scale)
  }
}

/// The left factor sqrt(m/s) P, and as right factor either Psi, made from a key, or a stored C.
struct ColumnFactors: LowRankDirection {
  enum Source {
    case key(StreamKey)
    case stored(CoreVector)
  }

  let frame: ColumnFrame
  let rightKey: StreamKey
  let source: Source

  var rank: Int { frame.rank }
  var matrixScale: Float { 1 }

  func writeLeft(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    frame.writeLeft(of: block, rows: rows, into: values)
  }

  /// Writes the right factor. Rows from s on are zero.
  func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>) {
    let s = ColumnFrame.cut(rank, on: block)
    let written = UnsafeMutableBufferPointer(rebasing: values[..<(s * block.columns)])
    switch source {
    case .key(let key): frame.writeCore(key, of: block, rows: 0..<s, into: written)
    case .stored(let cores): cores.read(block, rows: 0..<s, into: written)
    }
    UnsafeMutableBufferPointer(rebasing: values[written.count..<(rank * block.columns)]).update(repeating: 0)
  }

  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    guard !block.isMatrix else { return addLowRank(to: &values, of: block, rows: rows, scale: scale) }
    switch source {
    case .key(let key): frame.noise(key).add(to: &values, of: block, rows: rows, scale: scale)
    case .stored(let cores): cores.add(to: &values, of: block, rows: rows, scale: scale)
    }
  }
}

/// The factor P (m x s) of every trainable matrix, with orthonormal columns, drawn from one key. s is the rank, or m
/// where that is less.
final class ColumnFrame: Sendable {
  /// Identifies P.
  let key: StreamKey
  /// The rank r.
  let rank: Int
  /// The factor P of each block by its index, row by row; empty for a block that is not a trainable matrix.
  let left: [[Float]]
  /// The layout from which Psi is drawn: the same blocks, but each matrix is s x n.
  private let cores: ParameterLayout

  /// The factors P of `key` for the matrices of `layout`. Those in `left` are used as they are.
  init(rank: Int, key: StreamKey, layout: ParameterLayout, left held: [[Float]]? = nil) {
    self.rank = rank
    self.key = key
    let entries = layout.blocks.map { block in
      ParameterLayout.Entry(
        block.name, rows: block.isMatrix ? Self.cut(rank, on: block) : block.rows, columns: block.columns)
    }
    guard let cores = try? ParameterLayout(entries) else { preconditionFailure("cores are smaller than blocks") }
    self.cores = cores
    if let held {
      left = held
      return
    }
    let matrices = layout.trainable.filter(\.isMatrix)
    let drawn = Mutex([[Float]](repeating: [], count: layout.blocks.count))
    Parallel.forEach(matrices.count) { i in
      let rows = Self.draw(rank, of: matrices[i], key)
      let height = matrices[i].rows
      let s = rows.count / height
      let p = (0..<rows.count).map { rows[$0 % s * height + $0 / s] }
      drawn.withLock { $0[matrices[i].index] = p }
    }
    left = drawn.withLock { $0 }
  }

  /// The rank s on `block`.
  static func cut(_ rank: Int, on block: ParameterBlock) -> Int { min(rank, block.rows) }

  /// P^T of `block`, s x m.
  private static func draw(_ rank: Int, of block: ParameterBlock, _ key: StreamKey) -> [Float] {
    orthonormalNoise(cut(rank, on: block), of: block.rows, key.child(.block, block.index))
  }

  /// The number of floats: s m for each matrix.
  var count: Int { left.reduce(0) { $0 + $1.count } }

  /// The normal noise of `key` on the cores.
  func noise(_ key: StreamKey) -> DenseDirection { DenseDirection(key, layout: cores) }

  /// Writes rows of Psi.
  func writeCore(
    _ key: StreamKey, of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>
  ) {
    var span = UnsafeMutableBufferPointer(rebasing: values[..<(rows.count * block.columns)]).mutableSpan
    noise(key).write(to: &span, of: cores.blocks[block.index], rows: rows)
  }

  /// Writes rows of sqrt(m/s) P. Columns from s on are zero.
  func writeLeft(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    let s = Self.cut(rank, on: block)
    let factor = Float((Double(block.rows) / Double(s)).squareRoot())
    UnsafeMutableBufferPointer(rebasing: values[..<(rows.count * rank)]).update(repeating: 0)
    left[block.index].withUnsafeBufferPointer { p in
      for (i, row) in rows.enumerated() {
        for a in 0..<s { values[i * rank + a] = factor * p[row * s + a] }
      }
    }
  }

  /// C <- P^T P_old C, where the old P is that of `key`.
  func carry(_ core: UnsafeMutableBufferPointer<Float>, of block: ParameterBlock, from key: StreamKey) {
    let (s, n) = (Self.cut(rank, on: block), block.columns)
    let (own, old) = (left[block.index], Self.draw(rank, of: block, key))
    let turn = (0..<(s * s)).map { i in
      (0..<block.rows).reduce(0) { $0 + Double(own[$1 * s + i / s]) * Double(old[i % s * block.rows + $1]) }
    }
    let before = Array(core)
    for i in 0..<s {
      var row = [Double](repeating: 0, count: n)
      for a in 0..<s { for j in 0..<n { row[j] += turn[i * s + a] * Double(before[a * n + j]) } }
      for j in 0..<n { core[i * n + j] = Float(row[j]) }
    }
  }
}
