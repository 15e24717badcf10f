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
    cores.scaled[block.index].withUnsafeBufferPointer { factors.writeLeft($0, of: block, rows: rows, into: values) }
  }

  /// V^T; rows from s on are zero.
  public func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>) {
    factors.writeRight(of: block, into: values)
  }

  /// values += scale z[rows].
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    guard block.isMatrix else { return cores.add(to: &values, of: block, rows: rows, scale: scale) }
    addLowRank(to: &values, of: block, rows: rows, scale: scale)
  }
}

extension SubspaceDirection: CoreDirection {
  /// The key of U and V.
  public var frameKey: StreamKey { factors.key }

  /// Z is s x s.
  public func coreShape(of block: ParameterBlock) -> (rows: Int, columns: Int) {
    let s = OrthonormalFactors.cut(rank, on: block)
    return (s, s)
  }

  /// Rows of Z.
  public func writeCore(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    let s = OrthonormalFactors.cut(rank, on: block)
    _ = values.update(fromContentsOf: core(of: block)[(rows.lowerBound * s)..<(rows.upperBound * s)])
  }

  /// scale sqrt(m n)/s U C V^T.
  public func image(of cores: CoreVector, scale: Float) -> SubspaceImage {
    SubspaceImage(factors: factors, cores: cores, matrixScale: scale)
  }

  /// C <- U^T U_old C V_old^T V.
  public func carry(_ core: UnsafeMutableBufferPointer<Float>, of block: ParameterBlock, from key: StreamKey) {
    factors.carry(core, of: block, from: key)
  }
}

/// matrixScale sqrt(m n)/s U C V^T on matrices and matrixScale C on vectors, with C stored.
public struct SubspaceImage: LowRankDirection {
  let factors: OrthonormalFactors
  let cores: CoreVector
  /// The rule's factor.
  public let matrixScale: Float

  /// r.
  public var rank: Int { factors.rank }
  /// Names V.
  public var rightKey: StreamKey { factors.key }

  /// Rows of sqrt(m n)/s U C; columns from s on are zero.
  public func writeLeft(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    let s = OrthonormalFactors.cut(rank, on: block)
    _ = cores.withRows(0..<s, of: block) { core in
      factors.writeLeft(
        core, factor: Float(OrthonormalFactors.factor(rank, on: block)), of: block, rows: rows, into: values)
    }
  }

  /// V^T; rows from s on are zero.
  public func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>) {
    factors.writeRight(of: block, into: values)
  }

  /// values += scale times the rows.
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    guard block.isMatrix else {
      return cores.add(to: &values, of: block, rows: rows, scale: scale * matrixScale)
    }
    addLowRank(to: &values, of: block, rows: rows, scale: scale * matrixScale)
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
      let scale = z.isEmpty ? 0 : OrthonormalFactors.factor(cores.blocks[block.index].rows, on: block)
      return z.map { Float(scale) * $0 }
    }
  }

  /// values += scale z[rows] of the vector `block`.
  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    noise.add(to: &values, of: layout.blocks[block.index], rows: rows, scale: scale)
  }
}
