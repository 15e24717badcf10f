import Zeroth

/// sqrt(m n)/s U Z V^T on matrices, a plain normal on vectors.
public struct SubspaceDirection: LowRankDirection {
  private let factors: OrthonormalFactors
  private let cores: Cores

  init(_ factors: OrthonormalFactors, cores: Cores) {
    self.factors = factors
    self.cores = cores
  }

  /// r.
  public var rank: Int { factors.rank }
  /// 1: the factor is in U Z, as it is another for each matrix.
  public var matrixScale: Float { 1 }
  /// Names V.
  public var rightKey: StreamKey { factors.key }

  /// Z of `block`, s x s.
  public func core(of block: ParameterBlock) -> [Float] { cores.values[block.index] }

  /// Rows of sqrt(m n)/s U Z; columns from s on are zero.
  public func writeLeft(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    let s = OrthonormalFactors.cut(rank, on: block)
    UnsafeMutableBufferPointer(rebasing: values[..<(rows.count * rank)]).update(repeating: 0)
    factors.left[block.index].withUnsafeBufferPointer { u in
      cores.scaled[block.index].withUnsafeBufferPointer { z in
        for (i, row) in rows.enumerated() {
          let target = UnsafeMutableBufferPointer(rebasing: values[(i * rank)..<(i * rank + s)])
          for a in 0..<s {
            let weight = u[row * s + a]
            for b in 0..<s { target[b] += weight * z[a * s + b] }
          }
        }
      }
    }
  }

  /// V^T; rows from s on are zero.
  public func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>) {
    let right = factors.right[block.index]
    for i in right.indices { values[i] = right[i] }
    for i in right.count..<(rank * block.columns) { values[i] = 0 }
  }

  /// values += scale z[rows].
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    guard block.isMatrix else { return cores.add(to: &values, of: block, rows: rows, scale: scale) }
    addLowRank(to: &values, of: block, rows: rows, scale: scale)
  }
}

/// Z of every matrix and z of every vector, from one key. Z is made once for a query and held while it lasts, s^2 floats a matrix; z is
/// made again.
final class Cores: Sendable {
  private let noise: DenseDirection
  private let layout: ParameterLayout
  /// Z by the index of a block, s x s; empty for vectors.
  let values: [[Float]]
  /// sqrt(m n)/s Z.
  let scaled: [[Float]]

  /// The cores of `key` on the blocks of `cores`, for the matrices of `layout`.
  init(_ key: StreamKey, _ cores: ParameterLayout, _ layout: ParameterLayout) {
    let noise = DenseDirection(key, layout: cores)
    self.noise = noise
    self.layout = cores
    values = layout.blocks.map { block in
      block.isMatrix && block.isTrainable ? noise.values(of: cores.blocks[block.index]) : []
    }
    scaled = zip(layout.blocks, values).map { block, z in
      let scale = (Double(block.rows) * Double(block.columns)).squareRoot() / Double(z.count).squareRoot()
      return z.map { Float(scale) * $0 }
    }
  }

  /// values += scale z[rows] of the vector `block`.
  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    noise.add(to: &values, of: layout.blocks[block.index], rows: rows, scale: scale)
  }
}
