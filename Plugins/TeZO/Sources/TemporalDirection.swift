import Zeroth

/// The direction matrixScale U diag(tau) V^T on matrices, and a plain normal z on vectors.
public struct TemporalDirection: LowRankDirection {
  private let frame: TemporalFrame
  private let coreKey: StreamKey
  /// 1 while losses are measured, 1/r in an estimate.
  public let matrixScale: Float

  init(_ frame: TemporalFrame, coreKey: StreamKey, matrixScale: Float = 1) {
    self.frame = frame
    self.coreKey = coreKey
    self.matrixScale = matrixScale
  }

  /// The same direction with another factor on matrices.
  func scaled(by factor: Float) -> TemporalDirection {
    TemporalDirection(frame, coreKey: coreKey, matrixScale: factor)
  }

  /// The rank r.
  public var rank: Int { frame.rank }
  /// Identifies V: directions with equal keys have equal V.
  public var rightKey: StreamKey { frame.key }

  /// Writes rows of U diag(tau).
  public func writeLeft(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    withScratch(rank) { tau in
      writeCore(of: block, rows: 0..<rank, into: tau)
      frame.writeLeft(UnsafeBufferPointer(tau), of: block, rows: rows, into: values)
    }
  }

  /// Writes V^T, r x n.
  public func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>) {
    frame.writeRight(of: block, into: values)
  }

  /// values += scale z[rows].
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    guard block.isMatrix else {
      return frame.noise(coreKey).add(to: &values, of: block, rows: rows, scale: scale)
    }
    addLowRank(to: &values, of: block, rows: rows, scale: scale * matrixScale)
  }
}

extension TemporalDirection: CoreDirection {
  /// The key of U and V, which are the frame.
  public var frameKey: StreamKey { frame.key }

  /// The core tau has r elements.
  public func coreShape(of block: ParameterBlock) -> (rows: Int, columns: Int) { (rank, 1) }

  /// Writes elements of tau.
  public func writeCore(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    var span = UnsafeMutableBufferPointer(rebasing: values[..<rows.count]).mutableSpan
    frame.noise(coreKey).write(to: &span, of: frame.cores.blocks[block.index], rows: rows)
  }

  /// The direction scale matrixScale U diag(C) V^T.
  public func image(of cores: CoreVector, scale: Float) -> TemporalImage {
    TemporalImage(frame: frame, cores: cores, scale: scale, matrixScale: scale * matrixScale)
  }

  /// Sets the core to zero. U and V stay the same for the whole run, so there is never a core to convert.
  public func carry(_ core: UnsafeMutableBufferPointer<Float>, of block: ParameterBlock, from key: StreamKey) {
    core.update(repeating: 0)
  }
}

/// The direction matrixScale U diag(C) V^T on matrices and scale C on vectors, where C is stored.
public struct TemporalImage: LowRankDirection {
  let frame: TemporalFrame
  let cores: CoreVector
  let scale: Float
  /// The factor of the rule, times that of the estimate.
  public let matrixScale: Float

  /// The rank r.
  public var rank: Int { frame.rank }
  /// Identifies V: directions with equal keys have equal V.
  public var rightKey: StreamKey { frame.key }

  /// Writes rows of U diag(C).
  public func writeLeft(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    _ = cores.withRows(0..<rank, of: block) { frame.writeLeft($0, of: block, rows: rows, into: values) }
  }

  /// Writes V^T, r x n.
  public func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>) {
    frame.writeRight(of: block, into: values)
  }

  /// values += scale times these rows of the direction.
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    guard block.isMatrix else { return cores.add(to: &values, of: block, rows: rows, scale: scale * self.scale) }
    addLowRank(to: &values, of: block, rows: rows, scale: scale * matrixScale)
  }
}

/// The factors U (m x r) and V (n x r) of every matrix. They are normal and are made again from one key whenever they
/// are needed.
final class TemporalFrame: Sendable {
  /// The rank r.
  let rank: Int
  /// Identifies U and V.
  let key: StreamKey
  /// The layouts from which U, V^T and tau are drawn: the same blocks, but each matrix has the shape of U, of V^T or of
  /// tau.
  private let lefts, rights: ParameterLayout
  let cores: ParameterLayout
  private let left, right: DenseDirection
  private let layout: ParameterLayout

  init(rank: Int, key: StreamKey, layout: ParameterLayout) {
    func blocks(_ shape: (ParameterBlock) -> (rows: Int, columns: Int)) -> ParameterLayout {
      let entries = layout.blocks.map { block in
        let (rows, columns) = block.isMatrix ? shape(block) : (block.rows, block.columns)
        return ParameterLayout.Entry(block.name, rows: rows, columns: columns)
      }
      guard let made = try? ParameterLayout(entries) else { preconditionFailure("factors are smaller than a store") }
      return made
    }
    self.rank = rank
    self.key = key
    self.layout = layout
    lefts = blocks { ($0.rows, rank) }
    rights = blocks { (rank, $0.columns) }
    cores = blocks { _ in (rank, 1) }
    left = DenseDirection(key.child(.left), layout: lefts)
    right = DenseDirection(key.child(.right), layout: rights)
  }

  /// Whether the frame was made for `layout`.
  func fits(_ layout: ParameterLayout) -> Bool { layout == self.layout }

  /// The normal noise of `key` on the cores.
  func noise(_ key: StreamKey) -> DenseDirection { DenseDirection(key, layout: cores) }

  /// Writes rows of U diag(tau).
  func writeLeft(
    _ tau: UnsafeBufferPointer<Float>, of block: ParameterBlock, rows: Range<Int>,
    into values: UnsafeMutableBufferPointer<Float>
  ) {
    let rank = rank
    let target = UnsafeMutableBufferPointer(rebasing: values[..<(rows.count * rank)])
    var span = target.mutableSpan
    left.write(to: &span, of: lefts.blocks[block.index], rows: rows)
    for i in 0..<rows.count {
      let row = UnsafeMutableBufferPointer(rebasing: target[(i * rank)..<((i + 1) * rank)])
      for s in 0..<rank { row[s] *= tau[s] }
    }
  }

  /// Writes V^T, r x n.
  func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>) {
    var span = UnsafeMutableBufferPointer(rebasing: values[..<(rank * block.columns)]).mutableSpan
    right.write(to: &span, of: rights.blocks[block.index], rows: 0..<rank)
  }
}
