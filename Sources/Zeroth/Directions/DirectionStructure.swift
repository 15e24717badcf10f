/// The known structure of a direction. Models, rules and the parameter store use it to be faster than with the values
/// alone.
public enum DirectionStructure: Sendable {
  /// Only the values are known.
  case dense
  /// scale U V^T on each matrix.
  case lowRank(any LowRankDirection)
  /// sum_i weight_i D_i.
  case sum(Few<(weight: Float, direction: any Direction)>)
}

extension DirectionStructure {
  /// Calls `body` with each of the low-rank directions whose weighted sum is this direction, and with its weight, as
  /// long as `body` returns true. Returns false where a part has no factors or `body` returns false.
  ///
  /// A step uses this loop because making a `LowRankSum` of the parts would allocate memory.
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
  /// The low-rank factors of the direction on matrices: its own, or those of a sum whose terms all have factors with
  /// one V and one rank. Nil for any other direction. A model uses them to measure along U V^T without forming it.
  public var factors: (any LowRankDirection)? {
    switch structure {
    case .dense: nil
    case .lowRank(let factors): factors
    case .sum(let terms): LowRankSum(terms)
    }
  }
}
