/// A weighted sum of directions, sum_i w_i D_i, such as the mean over queries or a step along them.
public struct WeightedSum<Term: Direction>: Direction {
  /// The weights and the directions.
  public let terms: Few<(weight: Float, direction: Term)>

  /// The sum of weight_i direction_i over `terms`.
  public init(_ terms: Few<(weight: Float, direction: Term)>) { self.terms = terms }

  /// Whether a term touches `block`.
  public func touches(_ block: ParameterBlock) -> Bool { terms.contains { $0.direction.touches(block) } }

  /// Adds the terms one after another, in their order.
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    for term in terms where term.direction.touches(block) {
      term.direction.add(to: &values, of: block, rows: rows, scale: scale * term.weight)
    }
  }

  /// True where directions of the type `Term` have factors: the directions of an estimate share one V.
  public static var haveFactors: Bool { Term.haveFactors }

  /// The sum of its terms.
  public var structure: DirectionStructure { .sum(terms.map { ($0.weight, $0.direction) }) }
}
