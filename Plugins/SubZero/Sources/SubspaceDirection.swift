import Zeroth

/// The direction sqrt(m n)/s U Z V^T on matrices, and a plain normal z on vectors.
public struct SubspaceDirection: LowRankDirection {
  private let factors: OrthonormalFactors
  private let cores: Cores

  init(_ factors: OrthonormalFactors, cores: Cores) {
    self.factors = factors
    self.cores = cores
  }

  /// The rank r.
  public var rank: Int { factors.rank }
  /// 1, because the factor sqrt(m n)/s differs between matrices and is part of U Z.
  public var matrixScale: Float { 1 }
  /// Identifies V: directions with equal keys have equal V.
  public var rightKey: StreamKey { factors.key }

  /// The core Z of `block`, s x s.
  public func core(of block: ParameterBlock) -> [Float] { cores.values[block.index] }

  /// Writes rows of sqrt(m n)/s U Z. Columns from s on are zero.
  public func writeLeft(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    cores.scaled[block.index].withUnsafeBufferPointer { factors.writeLeft($0, of: block, rows: rows, into: values) }
  }

  /// Writes V^T. Rows from s on are zero.
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
  /// The key of U and V, which are the frame.
  public var frameKey: StreamKey { factors.key }

  /// The core Z is s x s.
  public func coreShape(of block: ParameterBlock) -> (rows: Int, columns: Int) {
    let s = OrthonormalFactors.cut(rank, on: block)
    return (s, s)
  }

  /// Writes rows of Z.
  public func writeCore(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    let s = OrthonormalFactors.cut(rank, on: block)
    _ = values.update(fromContentsOf: core(of: block)[(rows.lowerBound * s)..<(rows.upperBound * s)])
  }

  /// The direction scale sqrt(m n)/s U C V^T.
  public func image(of cores: CoreVector, scale: Float) -> SubspaceImage {
    SubspaceImage(factors: factors, cores: cores, matrixScale: scale)
  }

  /// C <- U^T U_old C V_old^T V.
  public func carry(_ core: UnsafeMutableBufferPointer<Float>, of block: ParameterBlock, from key: StreamKey) {
    factors.carry(core, of: block, from: key)
  }
}

/// The direction matrixScale sqrt(m n)/s U C V^T on matrices and matrixScale C on vectors, where C is stored.
public struct SubspaceImage: LowRankDirection {
  let factors: OrthonormalFactors
  let cores: CoreVector
  /// The factor that the rule gave.
  public let matrixScale: Float

  /// The rank r.
  public var rank: Int { factors.rank }
  /// Identifies V: directions with equal keys have equal V.
  public var rightKey: StreamKey { factors.key }

  /// Writes rows of sqrt(m n)/s U C. Columns from s on are zero.
  public func writeLeft(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    let s = OrthonormalFactors.cut(rank, on: block)
    _ = cores.withRows(0..<s, of: block) { core in
      factors.writeLeft(
        core, factor: Float(OrthonormalFactors.factor(rank, on: block)), of: block, rows: rows, into: values)
    }
  }

  /// Writes V^T. Rows from s on are zero.
  public func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>) {
    factors.writeRight(of: block, into: values)
  }

  /// values += scale times these rows of the direction.
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    guard block.isMatrix else {
      return cores.add(to: &values, of: block, rows: rows, scale: scale * matrixScale)
    }
    addLowRank(to: &values, of: block, rows: rows, scale: scale * matrixScale)
  }
}

/// Z of every matrix and z of every vector, from one key. Z is made once for a query and kept as long as the query
/// lasts, in s^2 floats for each matrix. z is made again each time.
final class Cores: Sendable {
  private let noise: DenseDirection
  private let layout: ParameterLayout
  /// The core Z of each block by its index, s x s; empty for vectors.
  let values: [[Float]]
  /// The same cores times sqrt(m n)/s.
  let scaled: [[Float]]

  /// The cores of `key` for the matrices of `layout`; `cores` is the layout of the cores.
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
