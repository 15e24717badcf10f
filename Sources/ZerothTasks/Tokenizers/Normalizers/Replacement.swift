/// Replaces the matches of a pattern by a text. It serves as a normaliser and as a decoder of tokens.
struct Replacement: Normalizer, TokenDecoder {
  private let pattern: TextPattern
  private let content: [UInt8]

  init(_ pattern: TextPattern, _ content: String) {
    self.pattern = pattern
    self.content = Array(content.utf8)
  }

  func append(_ text: [UInt8], _ range: Range<Int>, onto normalized: inout [UInt8]) {
    var done = range.lowerBound
    pattern.forEachMatch(in: text, range) { match in
      normalized += text[done..<match.lowerBound]
      normalized += content
      done = match.upperBound
    }
    normalized += text[done..<range.upperBound]
  }

  var growth: Int {
    if case .literal(let literal) = pattern {
      max(1, (content.count + literal.count - 1) / literal.count)
    } else {
      max(1, content.count)
    }
  }

  /// The replacement takes the place of the last scalar of the match.
  func losesStart(of text: [UInt8], _ range: Range<Int>) -> Bool {
    var first: Range<Int>?
    pattern.forEachMatch(in: text, range) { first = first ?? $0 }
    guard let first, first.lowerBound == range.lowerBound else { return false }
    return content.isEmpty || first.count > UTF8Scalars.length(text[first.lowerBound])
  }

  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    tokens.map { token in
      var decoded: [UInt8] = []
      append(token, token.indices, onto: &decoded)
      return decoded
    }
  }
}
