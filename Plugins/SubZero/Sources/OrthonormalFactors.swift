import Synchronization
import Zeroth

/// The factors U (m x s) and V (n x s) of every trainable matrix, with orthonormal columns, drawn from one key.
///
/// They are the orthonormal parts of normal matrices (`orthonormalNoise`). s is the rank, or the smaller side of the
/// matrix where that is less.
final class OrthonormalFactors: Sendable {
  /// Identifies the factors.
  let key: StreamKey
  /// The rank r, for matrices that are large enough.
  let rank: Int
  /// The factor U of each block by its index, row by row, m x s; empty for a block that is not a trainable matrix.
  let left: [[Float]]
  /// The factor V^T of each block, row by row, s x n.
  let right: [[Float]]
  /// The layout from which the cores are drawn: the same blocks, but each matrix is s x s.
  let cores: ParameterLayout

  /// The factors of `key` for the matrices of `layout`.
  init(rank: Int, key: StreamKey, layout: ParameterLayout) {
    self.key = key
    self.rank = rank
    cores = Self.cores(of: layout, rank: rank)
    var left = layout.blocks.map { _ in [Float]() }
    var right = left
    let matrices = layout.trainable.filter(\.isMatrix)
    // Each factor of a matrix is made by one thread, because its columns depend on each other.
    let results = Mutex([[Float]](repeating: [], count: 2 * matrices.count))
    Parallel.forEach(2 * matrices.count) { i in
      let block = matrices[i / 2]
      let s = Self.cut(rank, on: block)
      let vectors = i % 2 == 0 ? Self.left(s, of: block, key) : Self.right(s, of: block, key)
      results.withLock { $0[i] = vectors }
    }
    let drawn = results.withLock { $0 }
    for (i, block) in matrices.enumerated() {
      let s = Self.cut(rank, on: block)
      left[block.index] = Self.transposed(drawn[2 * i], rows: s)
      right[block.index] = drawn[2 * i + 1]
    }
    self.left = left
    self.right = right
  }

  /// Factors that were read from a checkpoint.
  init(rank: Int, key: StreamKey, left: [[Float]], right: [[Float]], layout: ParameterLayout) {
    self.rank = rank
    self.key = key
    self.left = left
    self.right = right
    cores = Self.cores(of: layout, rank: rank)
  }

  /// The number of floats: s (m + n) for each matrix.
  var count: Int { left.reduce(0) { $0 + $1.count } + right.reduce(0) { $0 + $1.count } }

  /// The rank s on `block`.
  static func cut(_ rank: Int, on block: ParameterBlock) -> Int { min(rank, block.rows, block.columns) }

  /// The factor sqrt(m n)/s of `block`.
  static func factor(_ rank: Int, on block: ParameterBlock) -> Double {
    (Double(block.rows) * Double(block.columns)).squareRoot() / Double(cut(rank, on: block))
  }

  private static func cores(of layout: ParameterLayout, rank: Int) -> ParameterLayout {
    let entries = layout.blocks.map { block in
      let s = cut(rank, on: block)
      return ParameterLayout.Entry(
        block.name, rows: block.isMatrix ? s : block.rows, columns: block.isMatrix ? s : block.columns)
    }
    guard let cores = try? ParameterLayout(entries) else {
      preconditionFailure("the blocks of a layout have names and sizes")
    }
    return cores
  }

  /// U^T of `block`, s x m, made from the key of the factors.
  private static func left(_ s: Int, of block: ParameterBlock, _ key: StreamKey) -> [Float] {
    orthonormalNoise(s, of: block.rows, key.child(.left).child(.block, block.index))
  }

  /// V^T of `block`, s x n, made from the key of the factors.
  private static func right(_ s: Int, of block: ParameterBlock, _ key: StreamKey) -> [Float] {
    orthonormalNoise(s, of: block.columns, key.child(.right).child(.block, block.index))
  }

  /// Writes rows of factor U C, where `core` is s x s. Columns from s on are zero.
  func writeLeft(
    _ core: UnsafeBufferPointer<Float>, factor: Float = 1, of block: ParameterBlock, rows: Range<Int>,
    into values: UnsafeMutableBufferPointer<Float>
  ) {
    let (s, rank) = (Self.cut(rank, on: block), rank)
    guard let target = values.baseAddress, let core = core.baseAddress else { return }
    if s < rank { target.update(repeating: 0, count: rows.count * rank) }
    left[block.index].withUnsafeBufferPointer { u in
      guard let first = u.baseAddress else { return }
      for (i, row) in rows.enumerated() {
        Self.multiply(first + row * s, core, s, factor, into: target + i * rank)
      }
    }
  }

  /// target = factor u C: a row of s numbers times an s x s matrix, eight columns at a time.
  private static func multiply(
    _ u: UnsafePointer<Float>, _ core: UnsafePointer<Float>, _ s: Int, _ factor: Float,
    into target: UnsafeMutablePointer<Float>
  ) {
    let whole = s / 8 * 8
    for b in stride(from: 0, to: whole, by: 8) {
      var sum = SIMD8<Float>()
      for a in 0..<s { sum += u[a] * UnsafeRawPointer(core + a * s + b).loadUnaligned(as: SIMD8<Float>.self) }
      UnsafeMutableRawPointer(target + b).storeBytes(of: factor * sum, as: SIMD8<Float>.self)
    }
    for b in whole..<s {
      var sum: Float = 0
      for a in 0..<s { sum += u[a] * core[a * s + b] }
      target[b] = factor * sum
    }
  }

  /// Writes V^T. Rows from s on are zero.
  func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>) {
    let right = right[block.index]
    for i in right.indices { values[i] = right[i] }
    for i in right.count..<(rank * block.columns) { values[i] = 0 }
  }

  /// C <- U^T U_old C V_old^T V, where the old factors are those of `key`. This changes U C V^T as little as possible,
  /// because all columns are orthonormal.
  func carry(_ core: UnsafeMutableBufferPointer<Float>, of block: ParameterBlock, from key: StreamKey) {
    let s = Self.cut(rank, on: block)
    let own = Self.transposed(left[block.index], rows: block.rows)
    let across = Self.products(own, Self.left(s, of: block, key), length: block.rows)
    let along = Self.products(Self.right(s, of: block, key), right[block.index], length: block.columns)
    let old = core.map(Double.init)
    for i in 0..<s {
      // Row i of (U^T U_old) C, and then of this product times V_old^T V.
      let row = (0..<s).map { j in (0..<s).reduce(0) { $0 + across[i * s + $1] * old[$1 * s + j] } }
      for j in 0..<s { core[i * s + j] = Float((0..<s).reduce(0) { $0 + row[$1] * along[$1 * s + j] }) }
    }
  }

  /// The inner products of the rows of `a` with those of `b`; all rows have `length` numbers.
  private static func products(_ a: [Float], _ b: [Float], length: Int) -> [Double] {
    let (rows, columns) = (a.count / length, b.count / length)
    return (0..<(rows * columns)).map { i in
      let (x, y) = (i / columns * length, i % columns * length)
      return (0..<length).reduce(0) { $0 + Double(a[x + $1]) * Double(b[y + $1]) }
    }
  }

  private static func transposed(_ values: [Float], rows: Int) -> [Float] {
    let columns = values.count / max(1, rows)
    return (0..<values.count).map { values[$0 % rows * columns + $0 / rows] }
  }
}
