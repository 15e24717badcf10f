import Zeroth

/// The direction of one member of the population: A B^T / sqrt(r) on matrices and a plain normal z on vectors. A and B
/// are normal and belong to this member alone.
///
/// It has low-rank factors, along which a model can measure. It is not a `LowRankDirection`, because the directions of
/// that kind share one V in a step, and each member has its own.
public struct MemberDirection: Direction {
  private let probe: LowRankProbe

  /// The member of `key`.
  init(rank: Int, key: StreamKey) {
    probe = LowRankProbe(
      rank: rank, leftKey: key.child(.left), rightKey: key.child(.right), matrixScale: 1 / Float(rank).squareRoot())
  }

  /// Low rank: the factors A and B.
  public var structure: DirectionStructure { .lowRank(probe) }

  /// values += scale z[rows].
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    probe.add(to: &values, of: block, rows: rows, scale: scale)
  }
}
