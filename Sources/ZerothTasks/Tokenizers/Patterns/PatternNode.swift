/// A regular expression after parsing.
indirect enum PatternNode: Sendable {
  /// The empty text, which matches everywhere.
  case empty
  /// One scalar of a set.
  case scalar(ScalarSet)
  /// Several nodes, one after another.
  case sequence([PatternNode])
  /// The first of these that leads to a match.
  case alternatives([PatternNode])
  /// A repetition: as many times as possible where greedy, as few as possible where lazy. A possessive one gives
  /// nothing back.
  case repeated(PatternNode, minimum: Int, maximum: Int?, Eagerness)
  /// A condition on what stands before or behind this place.
  case context(PatternContext)

  enum Eagerness: Sendable {
    case greedy, lazy, possessive
  }

  /// Whether it can match without consuming a scalar.
  var matchesNothing: Bool {
    switch self {
    case .empty, .context: true
    case .scalar: false
    case .sequence(let parts): parts.allSatisfy(\.matchesNothing)
    case .alternatives(let parts): parts.contains(where: \.matchesNothing)
    case .repeated(let part, let minimum, _, _): minimum == 0 || part.matchesNothing
    }
  }
}

/// A condition on the scalar before or behind a place in a text.
struct PatternContext: Sendable, Hashable {
  /// Whether the condition is about the scalar that comes next, and not the one before.
  var isAhead: Bool
  /// The scalar has to be in this set.
  var set: ScalarSet
  /// Whether the condition holds at the end (or the start) of the text, where there is no scalar.
  var holdsAtEdge: Bool
}
