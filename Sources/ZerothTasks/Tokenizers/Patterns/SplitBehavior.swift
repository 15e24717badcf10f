/// What becomes of the matches where a text is cut at a pattern.
enum SplitBehavior: String, Sendable, CaseIterable {
  /// Left out.
  case removed = "Removed"
  /// Pieces of their own.
  case isolated = "Isolated"
  /// Put at the end of the text before, unless that is a match too.
  case mergedWithPrevious = "MergedWithPrevious"
  /// Put in front of the text behind, unless that is a match too.
  case mergedWithNext = "MergedWithNext"
  /// Neighbouring ones are one piece.
  case contiguous = "Contiguous"

  /// Cuts `text[range]`.
  ///
  /// - Parameter isInverted: whether the matches are the text, and what lies between is the pattern's.
  func cut(
    _ text: [UInt8], _ range: Range<Int>, at pattern: TextPattern, isInverted: Bool = false,
    into cuts: inout Pieces.Cuts
  ) {
    var joiner = Joiner(behavior: self)
    var done = range.lowerBound
    pattern.forEachMatch(in: text, range) { match in
      if done < match.lowerBound { joiner.add(done..<match.lowerBound, isMatch: isInverted, &cuts) }
      joiner.add(match, isMatch: !isInverted, &cuts)
      done = match.upperBound
    }
    if done < range.upperBound { joiner.add(done..<range.upperBound, isMatch: isInverted, &cuts) }
    joiner.finish(&cuts)
  }

  /// Joins matches and the text between them, which come one after another, as a behaviour says.
  private struct Joiner {
    let behavior: SplitBehavior
    /// What may still grow, and whether the last that went into it was a match.
    private var open: Range<Int>?
    private var endsInMatch = false

    init(behavior: SplitBehavior) { self.behavior = behavior }

    @inline(__always)
    mutating func add(_ range: Range<Int>, isMatch: Bool, _ cuts: inout Pieces.Cuts) {
      switch behavior {
      case .isolated: cuts.take(range)
      case .removed: if !isMatch { cuts.take(range) }
      default:
        let joins: Bool =
          switch behavior {
          case .mergedWithPrevious: isMatch && !endsInMatch
          case .mergedWithNext: !isMatch && endsInMatch
          default: isMatch == endsInMatch
          }
        if let open, joins {
          self.open = open.lowerBound..<range.upperBound
        } else {
          if let open { cuts.take(open) }
          open = range
        }
        endsInMatch = isMatch
      }
    }

    func finish(_ cuts: inout Pieces.Cuts) { if let open { cuts.take(open) } }
  }
}
