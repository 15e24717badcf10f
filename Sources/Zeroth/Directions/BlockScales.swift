/// One factor per block, by which an adapter scales an update; 1 unless set.
public struct BlockScales: Sendable, Hashable {
  private var values: [Int: Float]

  /// All ones.
  public static let ones = BlockScales(values: [:])

  /// The factor of `block`.
  public subscript(block: ParameterBlock) -> Float {
    get { values[block.index] ?? 1 }
    set { values[block.index] = newValue }
  }
}
