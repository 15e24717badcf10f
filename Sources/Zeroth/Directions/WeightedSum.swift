/// sum_i w_i D_i: what an average over queries, or a step along them, is.
public struct WeightedSum<Term: Direction>: Direction {
  /// The weights and the directions.
  public let terms: Few<(weight: Float, direction: Term)>

  /// sum_i weight_i direction_i.
  public init(_ terms: Few<(weight: Float, direction: Term)>) { self.terms = terms }

  /// Whether a term touches `block`.
  public func touches(_ block: ParameterBlock) -> Bool { terms.contains { $0.direction.touches(block) } }

  /// Adds the terms in their order.
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    for term in terms where term.direction.touches(block) {
      term.direction.add(to: &values, of: block, rows: rows, scale: scale * term.weight)
    }
  }

  /// Where its terms have them: the directions of an estimate share V.
  public static var haveFactors: Bool { Term.haveFactors }

  /// The sum of its terms.
  public var structure: DirectionStructure { .sum(terms.map { ($0.weight, $0.direction) }) }
}
