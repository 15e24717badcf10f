import Zeroth

/// A B^T / sqrt(r) on matrices, a plain normal on vectors: A and B are normal, and those of this member alone.
///
/// It has factors, beside which a model measures, and a V of its own. So it is no `LowRankDirection`, of which those of a step share V.
public struct MemberDirection: Direction {
  private let probe: LowRankProbe

  /// The member of `key`.
  init(rank: Int, key: StreamKey) {
    probe = LowRankProbe(
      rank: rank, leftKey: key.child(.left), rightKey: key.child(.right), matrixScale: 1 / Float(rank).squareRoot())
  }

  /// Its factors.
  public var structure: DirectionStructure { .lowRank(probe) }

  /// values += scale z[rows].
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    probe.add(to: &values, of: block, rows: rows, scale: scale)
  }
}
