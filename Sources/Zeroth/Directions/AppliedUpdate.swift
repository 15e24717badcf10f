/// The update that a step applied to theta: the rule's update, with each block scaled by the adapter.
public struct AppliedUpdate<U: Direction>: Direction {
  /// The rule's update.
  public let update: U
  /// The factors of the adapter, one per block.
  public let scales: BlockScales

  /// `update`, scaled by `scales`.
  public init(_ update: U, scales: BlockScales) {
    self.update = update
    self.scales = scales
  }

  /// Whether the update touches `block` and the factor of the block is not 0.
  public func touches(_ block: ParameterBlock) -> Bool { scales[block] != 0 && update.touches(block) }

  /// values += scale s_l D_l[rows].
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    update.add(to: &values, of: block, rows: rows, scale: scale * scales[block])
  }

  /// Low rank where the update has factors; the left factor of each block is then scaled. Dense otherwise.
  public var structure: DirectionStructure {
    guard let factors = update.factors else { return .dense }
    return .lowRank(ScaledLowRank(base: factors) { [scales] in scales[$0] })
  }
}
