/// A direction with a factor for each of some blocks: sum_l f_l D_l. It is zero on all other blocks.
package struct PerBlock<D: Direction>: Direction {
  private let direction: D
  private let factors: [Int: Float]

  package init(_ direction: D, _ blocks: [ParameterBlock], factor: (Int) -> Double) {
    self.direction = direction
    factors = Dictionary(uniqueKeysWithValues: blocks.indices.map { (blocks[$0].index, Float(factor($0))) })
  }

  package func touches(_ block: ParameterBlock) -> Bool { (factors[block.index] ?? 0) != 0 && direction.touches(block) }

  package func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    guard let factor = factors[block.index] else { return }
    direction.add(to: &values, of: block, rows: rows, scale: scale * factor)
  }

  package var structure: DirectionStructure {
    guard let base = direction.factors else { return .dense }
    return .lowRank(ScaledLowRank(base: base) { [factors] in factors[$0.index] ?? 0 })
  }
}
