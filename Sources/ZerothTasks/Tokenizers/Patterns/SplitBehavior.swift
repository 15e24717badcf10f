/// What happens to the matches where a text is cut at a pattern.
enum SplitBehavior: String, Sendable, CaseIterable {
  /// They are removed.
  case removed = "Removed"
  /// Each becomes a piece of its own.
  case isolated = "Isolated"
  /// Each is added to the end of the text before it, unless that is a match too.
  case mergedWithPrevious = "MergedWithPrevious"
  /// Each is added in front of the text behind it, unless that is a match too.
  case mergedWithNext = "MergedWithNext"
  /// Neighbouring matches become one piece.
  case contiguous = "Contiguous"

  /// Cuts `text[range]`.
  ///
  /// - Parameter isInverted: whether the matches count as the text, and the parts between them as the matches.
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

  /// Joins matches and the text between them, in order, as a behaviour says.
  private struct Joiner {
    let behavior: SplitBehavior
    /// The piece that may still grow, and whether the last part of it was a match.
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
