import Synchronization
import Zeroth

/// sqrt(m/s) P Psi on matrices, a plain normal on vectors.
///
/// It has factors, beside which a model measures, and a V of its own: Psi is another for each query. So it is no `LowRankDirection`, of which
/// those of a step share V.
public struct ColumnDirection: CoreDirection {
  private let frame: ColumnFrame
  private let coreKey: StreamKey

  init(_ frame: ColumnFrame, coreKey: StreamKey) {
    self.frame = frame
    self.coreKey = coreKey
  }

  /// The key of P.
  public var frameKey: StreamKey { frame.key }

  /// sqrt(m/s) P and Psi^T.
  public var structure: DirectionStructure {
    .lowRank(ColumnFactors(frame: frame, rightKey: coreKey, source: .key(coreKey)))
  }

  /// Psi is s x n.
  public func coreShape(of block: ParameterBlock) -> (rows: Int, columns: Int) {
    (ColumnFrame.cut(frame.rank, on: block), block.columns)
  }

  /// Rows of Psi.
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

  /// scale sqrt(m/s) P C.
  public func image(of cores: CoreVector, scale: Float) -> ColumnImage {
    ColumnImage(factors: ColumnFactors(frame: frame, rightKey: coreKey, source: .stored(cores)), scale: scale)
  }

  /// C <- P^T P_old C.
  public func carry(_ core: UnsafeMutableBufferPointer<Float>, of block: ParameterBlock, from key: StreamKey) {
    frame.carry(core, of: block, from: key)
  }
}

/// scale sqrt(m/s) P C on matrices and scale C on vectors, with C stored.
public struct ColumnImage: Direction {
  let factors: ColumnFactors
  let scale: Float

  /// values += scale times the rows.
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    factors.add(to: &values, of: block, rows: rows, scale: scale * self.scale)
  }
}

/// sqrt(m/s) P, and Psi from a key or C as it is stored.
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

  /// Rows from s on are zero.
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

/// P (m x s) of every trainable matrix, with orthonormal columns, drawn from one key; s is the rank, or m where that is below it.
final class ColumnFrame: Sendable {
  /// Names P.
  let key: StreamKey
  /// r.
  let rank: Int
  /// P row by row, by the index of a block; empty where it is no trainable matrix.
  let left: [[Float]]
  /// The blocks with s x n in the place of a matrix: what Psi is drawn on.
  private let cores: ParameterLayout

  /// P of `key` for the matrices of `layout`; those that `left` has are taken over.
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

  /// s of `block`.
  static func cut(_ rank: Int, on block: ParameterBlock) -> Int { min(rank, block.rows) }

  /// P^T of `block`, s x m.
  private static func draw(_ rank: Int, of block: ParameterBlock, _ key: StreamKey) -> [Float] {
    orthonormalNoise(cut(rank, on: block), of: block.rows, key.child(.block, block.index))
  }

  /// Floats held: s m for each matrix.
  var count: Int { left.reduce(0) { $0 + $1.count } }

  /// Normal numbers from `key`.
  func noise(_ key: StreamKey) -> DenseDirection { DenseDirection(key, layout: cores) }

  /// Rows of Psi.
  func writeCore(
    _ key: StreamKey, of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>
  ) {
    var span = UnsafeMutableBufferPointer(rebasing: values[..<(rows.count * block.columns)]).mutableSpan
    noise(key).write(to: &span, of: cores.blocks[block.index], rows: rows)
  }

  /// Rows of sqrt(m/s) P; columns from s on are zero.
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

  /// C <- P^T P_old C, with the P of `key` as the old one.
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
