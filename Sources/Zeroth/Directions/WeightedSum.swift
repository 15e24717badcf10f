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

  /// Its terms, and theirs.
  public func forEachTerm(_ body: (_ weight: Float, _ direction: any Direction) -> Void) {
    for term in terms { term.direction.forEachTerm { body(term.weight * $0, $1) } }
  }

  /// (sum_i w_i U_i) V^T, where all terms have factors with the same V.
  public var lowRank: (any LowRankDirection)? {
    guard let first = terms.first?.direction.lowRank else { return nil }
    var factors: [(weight: Float, direction: any LowRankDirection)] = []
    for term in terms {
      guard let direction = term.direction.lowRank, direction.rightKey == first.rightKey, direction.rank == first.rank
      else { return nil }
      factors.append((term.weight, direction))
    }
    return LowRankSum(factors)
  }
}
