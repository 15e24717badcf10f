/// One factor for each block, by which an adapter scales the update of that block. A factor is 1 unless it is set.
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
