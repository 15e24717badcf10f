import Synchronization
import Zeroth

/// U (m x s) and V (n x s) of every trainable matrix, with orthonormal columns, drawn from one key.
///
/// They are the orthonormal parts of normal matrices, which point anywhere with the same probability: each column less its part along
/// those before it, over its length (Gram and Schmidt, twice, so that columns that nearly depend on others are orthogonal too). s is the
/// rank, or the smaller side of a matrix where that is below it.
final class OrthonormalFactors: Sendable {
  /// Names the factors.
  let key: StreamKey
  /// r, of matrices that are large enough.
  let rank: Int
  /// By the index of a block; empty where it is no trainable matrix. U row by row, m x s.
  let left: [[Float]]
  /// V^T row by row, s x n.
  let right: [[Float]]
  /// The blocks with s x s in the place of a matrix: what the cores are drawn on.
  let cores: ParameterLayout

  /// The factors of `key` for the matrices of `layout`.
  init(rank: Int, key: StreamKey, layout: ParameterLayout) {
    self.key = key
    self.rank = rank
    cores = Self.cores(of: layout, rank: rank)
    var left = layout.blocks.map { _ in [Float]() }
    var right = left
    let matrices = layout.trainable.filter(\.isMatrix)
    // One matrix a thread: columns depend on each other.
    let results = Mutex([[Float]](repeating: [], count: 2 * matrices.count))
    Parallel.forEach(2 * matrices.count) { i in
      let block = matrices[i / 2]
      let s = Self.cut(rank, on: block)
      let rows = i % 2 == 0 ? block.rows : block.columns
      let vectors = Self.orthonormal(s, of: rows, key.child(i % 2 == 0 ? .left : .right), block)
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

  /// The factors that a checkpoint holds.
  init(rank: Int, key: StreamKey, left: [[Float]], right: [[Float]], layout: ParameterLayout) {
    self.rank = rank
    self.key = key
    self.left = left
    self.right = right
    cores = Self.cores(of: layout, rank: rank)
  }

  /// Floats held: s (m + n) for each matrix.
  var count: Int { left.reduce(0) { $0 + $1.count } + right.reduce(0) { $0 + $1.count } }

  /// s of `block`.
  static func cut(_ rank: Int, on block: ParameterBlock) -> Int { min(rank, block.rows, block.columns) }

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

  /// `count` orthonormal vectors of `length` numbers, one after the other.
  private static func orthonormal(_ count: Int, of length: Int, _ key: StreamKey, _ block: ParameterBlock) -> [Float] {
    guard
      let layout = try? ParameterLayout([.init(block.name, rows: count, columns: length)])
    else { preconditionFailure("a block has a size") }
    let normals = DenseDirection(key.child(.block, block.index), layout: layout).values(of: layout.blocks[0])
    var vectors = normals.map(Double.init)
    vectors.withUnsafeMutableBufferPointer { all in
      for i in 0..<count {
        let own = UnsafeMutableBufferPointer(rebasing: all[(i * length)..<((i + 1) * length)])
        for _ in 0..<2 {
          for j in 0..<i {
            let other = UnsafeMutableBufferPointer(rebasing: all[(j * length)..<((j + 1) * length)])
            let part = product(own, other)
            for k in 0..<length { own[k] -= part * other[k] }
          }
        }
        let scale = 1 / product(own, own).squareRoot()
        for k in 0..<length { own[k] *= scale }
      }
    }
    return vectors.map(Float.init)
  }

  /// <a, b> in eight sums, which a processor adds side by side.
  private static func product(_ a: UnsafeMutableBufferPointer<Double>, _ b: UnsafeMutableBufferPointer<Double>)
    -> Double
  {
    var sums = SIMD8<Double>()
    let whole = a.count / 8 * 8
    for k in stride(from: 0, to: whole, by: 8) {
      for lane in 0..<8 { sums[lane] += a[k + lane] * b[k + lane] }
    }
    return (whole..<a.count).reduce(sums.sum()) { $0 + a[$1] * b[$1] }
  }

  private static func transposed(_ values: [Float], rows: Int) -> [Float] {
    let columns = values.count / max(1, rows)
    return (0..<values.count).map { values[$0 % rows * columns + $0 / rows] }
  }
}
