import CZeroth

/// A direction that has a core on each matrix. The core is a smaller matrix C. A linear map A, called the frame, turns
/// the core into the direction's values A(C) on the matrix. A frame stays in use over several steps. Rules that keep
/// moments of cores ask for directions of this kind.
///
///     U V^T, V held:           C = U,    A(C) = C V^T
///     U Z V^T, U and V held:   C = Z,    A(C) = U C V^T
///     U diag(tau) V^T:         C = tau,  A(C) = U diag(C) V^T
///
/// On a vector the core is the vector itself. A frame can be made again from its key, so a rule keeps cores and one
/// key.
///
/// Laws, checked by the test kit: the image A(C) of the direction's core is the direction; all directions of an
/// estimate share a frame; `carry` changes the image as little as possible.
public protocol CoreDirection: Direction {
  /// A direction of the same frame that reads its cores from memory.
  associatedtype Image: Direction

  /// Identifies the frame A: two directions of one kind with the same options and the same key have the same A on every
  /// matrix.
  var frameKey: StreamKey { get }

  /// The number of rows and columns of the core C on the matrix `block`.
  func coreShape(of block: ParameterBlock) -> (rows: Int, columns: Int)

  /// Writes the rows `rows` of the core C of the matrix `block`, row by row.
  func writeCore(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>)

  /// The direction scale A(C) on matrices and scale C on vectors. The cores C are `cores`, which belong to the frame of
  /// this direction.
  func image(of cores: CoreVector, scale: Float) -> Image

  /// Converts `core`, a core on the matrix `block` in the frame of `key`, to a core in the frame of this direction, so
  /// that its image changes as little as possible. For a kind of direction whose frame never changes there is nothing
  /// to convert: it sets the core to zero.
  func carry(_ core: UnsafeMutableBufferPointer<Float>, of block: ParameterBlock, from key: StreamKey)
}

extension GradientEstimate where D: CoreDirection {
  /// The first direction of the estimate. Its frame is that of all directions of the estimate.
  public var coreFrame: D {
    guard let first = terms.first?.direction else { preconditionFailure("an estimate has a direction") }
    precondition(
      terms.allSatisfy { $0.direction.frameKey == first.frameKey }, "the directions of an estimate share a frame")
    return first
  }
}

extension WeightedSum where Term: CoreDirection {
  /// values += the rows `rows` of sum_i w_i C_i, where C_i is the core of term i on the matrix `block`; on a vector,
  /// C_i is the term itself.
  ///
  /// All terms share one frame, as the directions of an estimate do.
  public func addCore(
    to values: UnsafeMutableBufferPointer<Float>, of block: ParameterBlock, rows: Range<Int>
  ) {
    guard block.isMatrix else {
      var span = values.mutableSpan
      for term in terms where term.direction.touches(block) {
        term.direction.add(to: &span, of: block, rows: rows, scale: term.weight)
      }
      return
    }
    withScratch(values.count) { core in
      guard let source = core.baseAddress, let target = values.baseAddress else { return }
      for term in terms where term.direction.touches(block) {
        term.direction.writeCore(of: block, rows: rows, into: core)
        zeroth_axpy(values.count, term.weight, source, target)
      }
    }
  }
}

extension LowRankProbe: CoreDirection {
  /// The direction N V^T, where N is stored.
  public typealias Image = LowRankImage

  /// The key of V, which is the frame.
  public var frameKey: StreamKey { rightKey }

  /// The core is U, m x r.
  public func coreShape(of block: ParameterBlock) -> (rows: Int, columns: Int) { (block.rows, rank) }

  /// Writes rows of U.
  public func writeCore(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    writeLeft(of: block, rows: rows, into: values)
  }

  /// The direction scale matrixScale N V^T, where N replaces U.
  public func image(of cores: CoreVector, scale: Float) -> LowRankImage {
    LowRankImage(cores: cores, frame: self, scale: scale)
  }

  /// N <- N (V_old^T V)(V^T V)^{-1}, the carry-over of LOZO-M.
  public func carry(_ core: UnsafeMutableBufferPointer<Float>, of block: ParameterBlock, from key: StreamKey) {
    var carry = MomentumCarry(rank: rank, columns: block.columns)
    carry.move(
      core, of: block, from: LowRankProbe(rank: rank, leftKey: leftKey, rightKey: key), to: self, isExact: true)
  }
}

/// The direction scale N V^T on matrices, where N is stored and V is made again from a key; scale m on vectors, where m
/// is stored.
public struct LowRankImage: LowRankDirection {
  private let cores: CoreVector
  private let frame: LowRankProbe
  private let scale: Float

  init(cores: CoreVector, frame: LowRankProbe, scale: Float) {
    self.cores = cores
    self.frame = frame
    self.scale = scale
  }

  /// The rank r.
  public var rank: Int { frame.rank }
  /// The scale, times the factor 1/r of the estimate.
  public var matrixScale: Float { scale * frame.matrixScale }
  /// Identifies V: directions with equal keys have equal V.
  public var rightKey: StreamKey { frame.rightKey }

  /// Writes rows of N.
  public func writeLeft(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    cores.read(block, rows: rows, into: values)
  }

  /// Writes V^T, r x n.
  public func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>) {
    frame.writeRight(of: block, into: values)
  }

  /// values += scale times these rows of the direction.
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    guard !block.isMatrix else {
      return addLowRank(to: &values, of: block, rows: rows, scale: scale * matrixScale)
    }
    cores.add(to: &values, of: block, rows: rows, scale: scale * self.scale)
  }
}
