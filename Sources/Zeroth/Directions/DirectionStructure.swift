/// What a direction is made of: what models, rules and the parameter store make use of to be fast.
public enum DirectionStructure: Sendable {
  /// No more is known of it than its values.
  case dense
  /// scale U V^T on matrices.
  case lowRank(any LowRankDirection)
  /// sum_i weight_i D_i.
  case sum(Few<(weight: Float, direction: any Direction)>)
}

extension DirectionStructure {
  /// Calls `body` with each low-rank direction that adds up to this one, and its weight, for as long as it returns true.
  /// Returns false where a part has no factors or `body` returns false.
  ///
  /// A step goes through the parts instead of making a `LowRankSum` of them, which it would allocate.
  func forEachLowRankPart(
    weight: Float = 1, _ body: (_ weight: Float, _ factors: any LowRankDirection) -> Bool
  ) -> Bool {
    switch self {
    case .dense: return false
    case .lowRank(let factors): return body(weight, factors)
    case .sum(let terms):
      for term in terms {
        guard term.direction.structure.forEachLowRankPart(weight: weight * term.weight, body) else { return false }
      }
      return true
    }
  }
}

extension Direction {
  /// The factors of the direction on matrices, where it has them: its own, or those of a sum whose terms have factors
  /// with one V and one rank. nil for any other direction. A model measures along factors without forming U V^T.
  public var factors: (any LowRankDirection)? {
    switch structure {
    case .dense: nil
    case .lowRank(let factors): factors
    case .sum(let terms): LowRankSum(terms)
    }
  }
}
