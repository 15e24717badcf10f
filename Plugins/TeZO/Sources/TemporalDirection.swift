import Zeroth

/// matrixScale U diag(tau) V^T on matrices, a plain normal on vectors.
public struct TemporalDirection: LowRankDirection {
  private let frame: TemporalFrame
  private let coreKey: StreamKey
  /// 1 while it is measured along, 1/r in an estimate.
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

  /// r.
  public var rank: Int { frame.rank }
  /// Names V.
  public var rightKey: StreamKey { frame.key }

  /// Rows of U diag(tau).
  public func writeLeft(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    withScratch(rank) { tau in
      writeCore(of: block, rows: 0..<rank, into: tau)
      frame.writeLeft(UnsafeBufferPointer(tau), of: block, rows: rows, into: values)
    }
  }

  /// V^T.
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
  /// The key of U and V.
  public var frameKey: StreamKey { frame.key }

  /// tau has r elements.
  public func coreShape(of block: ParameterBlock) -> (rows: Int, columns: Int) { (rank, 1) }

  /// Elements of tau.
  public func writeCore(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    var span = UnsafeMutableBufferPointer(rebasing: values[..<rows.count]).mutableSpan
    frame.noise(coreKey).write(to: &span, of: frame.cores.blocks[block.index], rows: rows)
  }

  /// scale matrixScale U diag(C) V^T.
  public func image(of cores: CoreVector, scale: Float) -> TemporalImage {
    TemporalImage(frame: frame, cores: cores, scale: scale, matrixScale: scale * matrixScale)
  }

  /// U and V last for the run: there is nothing to carry over.
  public func carry(_ core: UnsafeMutableBufferPointer<Float>, of block: ParameterBlock, from key: StreamKey) {
    core.update(repeating: 0)
  }
}

/// matrixScale U diag(C) V^T on matrices, scale C on vectors, with C stored.
public struct TemporalImage: LowRankDirection {
  let frame: TemporalFrame
  let cores: CoreVector
  let scale: Float
  /// The rule's factor times that of the estimate.
  public let matrixScale: Float

  /// r.
  public var rank: Int { frame.rank }
  /// Names V.
  public var rightKey: StreamKey { frame.key }

  /// Rows of U diag(C).
  public func writeLeft(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    _ = cores.withRows(0..<rank, of: block) { frame.writeLeft($0, of: block, rows: rows, into: values) }
  }

  /// V^T.
  public func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>) {
    frame.writeRight(of: block, into: values)
  }

  /// values += scale times the rows.
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    guard block.isMatrix else { return cores.add(to: &values, of: block, rows: rows, scale: scale * self.scale) }
    addLowRank(to: &values, of: block, rows: rows, scale: scale * matrixScale)
  }
}

/// U (m x r) and V (n x r) of every matrix, normal, from one key: made again whenever they are needed.
final class TemporalFrame: Sendable {
  /// r.
  let rank: Int
  /// Names U and V.
  let key: StreamKey
  /// The blocks with the shapes of U, of V^T and of tau in the place of a matrix: what their noise is drawn on.
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

  /// Whether it was made for `layout`.
  func fits(_ layout: ParameterLayout) -> Bool { layout == self.layout }

  /// Normal numbers from `key`.
  func noise(_ key: StreamKey) -> DenseDirection { DenseDirection(key, layout: cores) }

  /// Rows of U diag(tau).
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

  /// V^T.
  func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>) {
    var span = UnsafeMutableBufferPointer(rebasing: values[..<(rank * block.columns)]).mutableSpan
    right.write(to: &span, of: rights.blocks[block.index], rows: 0..<rank)
  }
}
