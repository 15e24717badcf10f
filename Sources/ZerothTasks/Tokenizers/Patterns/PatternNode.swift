/// A regular expression as it was read.
indirect enum PatternNode: Sendable {
  /// The empty text, which matches everywhere.
  case empty
  /// One scalar of a set.
  case scalar(ScalarSet)
  /// One after another.
  case sequence([PatternNode])
  /// The first of these that leads to a match.
  case alternatives([PatternNode])
  /// Again and again; as many as possible when greedy, as few as possible when lazy. A possessive one gives nothing back.
  case repeated(PatternNode, minimum: Int, maximum: Int?, Eagerness)
  /// What must stand before or behind this place.
  case context(PatternContext)

  enum Eagerness: Sendable {
    case greedy, lazy, possessive
  }

  /// Whether it can match without taking a scalar.
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
  /// Whether the condition is on what comes next.
  var isAhead: Bool
  /// The scalar must be one of these.
  var set: ScalarSet
  /// Whether it holds at the end (or the start) of the text, where there is no scalar.
  var holdsAtEdge: Bool
}
