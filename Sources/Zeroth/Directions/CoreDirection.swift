import CZeroth

/// A direction that is, on each matrix, the image A(C) of a smaller matrix, its core C, under a linear map A, its frame, which lasts for a
/// while: the capability that rules with moments of cores ask for.
///
///     U V^T, V held:           C = U,    A(C) = C V^T
///     U Z V^T, U and V held:   C = Z,    A(C) = U C V^T
///     U diag(tau) V^T:         C = tau,  A(C) = U diag(C) V^T
///
/// On a vector the core is the vector itself. A frame has a key, from which it can be made again: so a rule keeps cores and a key.
/// Laws, checked by the test kit: the image of its core is the direction; the directions of an estimate share a frame; `carry` changes the
/// image least.
public protocol CoreDirection: Direction {
  /// A direction of the same frame whose cores are stored.
  associatedtype Image: Direction

  /// Names A: two directions of one kind and options with the same value have the same A on every matrix.
  var frameKey: StreamKey { get }

  /// How many rows and columns C has on the matrix `block`.
  func coreShape(of block: ParameterBlock) -> (rows: Int, columns: Int)

  /// Writes the rows `rows` of C of the matrix `block`, row by row.
  func writeCore(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>)

  /// scale A(C) on matrices and scale C on vectors, with the C of `cores`, which belong to this direction's frame.
  func image(of cores: CoreVector, scale: Float) -> Image

  /// Re-expresses `core`, which belongs to the frame of `key` on the matrix `block`, in this direction's frame, so that its image
  /// changes least. A kind of direction whose frame lasts for the run has nothing to carry over, and makes it zero.
  func carry(_ core: UnsafeMutableBufferPointer<Float>, of block: ParameterBlock, from key: StreamKey)
}

extension GradientEstimate where D: CoreDirection {
  /// A direction of the frame that all directions of an estimate share.
  public var coreFrame: D {
    guard let first = terms.first?.direction else { preconditionFailure("an estimate has a direction") }
    precondition(
      terms.allSatisfy { $0.direction.frameKey == first.frameKey }, "the directions of an estimate share a frame")
    return first
  }
}

extension WeightedSum where Term: CoreDirection {
  /// values += the rows `rows` of sum_i w_i C_i of the matrix `block`, or of the vector `block`.
  ///
  /// The terms are of one frame, as those of an estimate are.
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
  /// N V^T, with N stored.
  public typealias Image = LowRankImage

  /// The key of V.
  public var frameKey: StreamKey { rightKey }

  /// U is m x r.
  public func coreShape(of block: ParameterBlock) -> (rows: Int, columns: Int) { (block.rows, rank) }

  /// Rows of U.
  public func writeCore(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    writeLeft(of: block, rows: rows, into: values)
  }

  /// scale matrixScale N V^T, with N in the place of U.
  public func image(of cores: CoreVector, scale: Float) -> LowRankImage {
    LowRankImage(cores: cores, frame: self, scale: scale)
  }

  /// N <- N (V_old^T V)(V^T V)^{-1}, as LOZO-M does.
  public func carry(_ core: UnsafeMutableBufferPointer<Float>, of block: ParameterBlock, from key: StreamKey) {
    var carry = MomentumCarry(rank: rank, columns: block.columns)
    carry.move(
      core, of: block, from: LowRankProbe(rank: rank, leftKey: leftKey, rightKey: key), to: self, isExact: true)
  }
}

/// scale N V^T on matrices, with N stored and V made again from a key; scale m on vectors.
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
  /// The scale, and the estimate's 1/r.
  public var matrixScale: Float { scale * frame.matrixScale }
  /// Names V.
  public var rightKey: StreamKey { frame.rightKey }

  /// Rows of N.
  public func writeLeft(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    cores.read(block, rows: rows, into: values)
  }

  /// V^T.
  public func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>) {
    frame.writeRight(of: block, into: values)
  }

  /// values += scale times the rows.
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    guard !block.isMatrix else {
      return addLowRank(to: &values, of: block, rows: rows, scale: scale * matrixScale)
    }
    cores.add(to: &values, of: block, rows: rows, scale: scale * self.scale)
  }
}
