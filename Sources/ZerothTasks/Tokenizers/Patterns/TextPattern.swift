import ZerothSupport

/// What is searched in a text: a string, or a regular expression.
enum TextPattern: Sendable {
  case literal([UInt8])
  case expression(PatternAutomaton)

  /// The pattern that matches one scalar of `set` at a time.
  init(scalarOf set: ScalarSet) { self = .expression(PatternAutomaton(builtIn: .scalar(set))) }

  /// Calls `body` with each match in `text[range]`, from left to right. The search for the next match starts behind the
  /// last. Text outside the range has no effect.
  @inline(__always)
  func forEachMatch(in text: [UInt8], _ range: Range<Int>, _ body: (Range<Int>) -> Void) {
    switch self {
    case .literal(let literal): Self.forEach(literal, in: text, range, body)
    case .expression(let automaton): automaton.forEachMatch(in: text, range, body)
    }
  }

  private static func forEach(
    _ literal: [UInt8], in text: [UInt8], _ range: Range<Int>, _ body: (Range<Int>) -> Void
  ) {
    guard let first = literal.first else { return }
    var index = range.lowerBound
    while index <= range.upperBound - literal.count {
      if text[index] == first, literal.indices.allSatisfy({ text[index + $0] == literal[$0] }) {
        body(index..<index + literal.count)
        index += literal.count
      } else {
        index += 1
      }
    }
  }
}
