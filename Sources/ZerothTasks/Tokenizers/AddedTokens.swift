import Zeroth

/// Tokens that are found in the text before anything else sees it, such as `</s>` (`added_tokens` of tokenizer.json).
struct AddedToken: Sendable, Decodable {
  var id: Int
  var content: String
  /// Left out by `decode` with `skipSpecialTokens`.
  var isSpecial = true
  /// Found in the normalised text instead of the raw one.
  var isNormalized = false
  /// Found only between characters that are not of a word.
  var isSingleWord = false
  /// Takes in the white space before it, or after it.
  var stripsLeft = false
  var stripsRight = false

  enum CodingKeys: String, CodingKey {
    case id, content
    case isSpecial = "special"
    case isNormalized = "normalized"
    case isSingleWord = "single_word"
    case stripsLeft = "lstrip"
    case stripsRight = "rstrip"
  }

  init(id: Int, content: String) {
    self.id = id
    self.content = content
  }

  init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    id = try values.decode(Int.self, forKey: .id)
    content = try values.decode(String.self, forKey: .content)
    isSpecial = try values.decodeIfPresent(Bool.self, forKey: .isSpecial) ?? false
    isNormalized = try values.decodeIfPresent(Bool.self, forKey: .isNormalized) ?? !isSpecial
    isSingleWord = try values.decodeIfPresent(Bool.self, forKey: .isSingleWord) ?? false
    stripsLeft = try values.decodeIfPresent(Bool.self, forKey: .stripsLeft) ?? false
    stripsRight = try values.decodeIfPresent(Bool.self, forKey: .stripsRight) ?? false
  }
}

/// Cuts a text at its added tokens, leftmost first and longest first.
struct AddedTokenSplitter: Sendable {
  enum Part: Equatable {
    case token(Int)
    case text(Range<Int>)
  }

  private let tokens: [AddedToken]
  private var trie = ByteTrie()
  private var canStart = [Bool](repeating: false, count: 256)

  init(_ tokens: [AddedToken]) {
    self.tokens = tokens.filter { !$0.content.isEmpty }
    for (index, token) in self.tokens.enumerated() {
      trie.insert(token.content.utf8, value: index)
      if let first = token.content.utf8.first { canStart[Int(first)] = true }
    }
  }

  /// The parts of `text` in order: what lies between tokens is never empty.
  func split(_ text: [UInt8]) -> [Part] {
    guard !tokens.isEmpty else { return text.isEmpty ? [] : [.text(0..<text.count)] }
    var parts: [Part] = []
    var done = 0
    var index = 0
    while index < text.count {
      guard canStart[Int(text[index])], let match = trie.longestMatch(in: text, from: index, to: text.count) else {
        index += 1
        continue
      }
      let token = tokens[match.value]
      var (start, end) = (index, match.end)
      index = match.end
      if token.isSingleWord, isWord(text, before: start) || isWord(text, at: end) { continue }
      // White space that the token before took in may hold the start of this match; it counts all the same.
      if token.stripsLeft {
        while start > done, isSpace(text, before: start) { start = UTF8Scalars.start(before: start, in: text) }
      }
      if token.stripsRight {
        while end < text.count, UTF8Scalars.scalar(in: text, at: end).scalar.properties.isWhitespace {
          end += UTF8Scalars.scalar(in: text, at: end).length
        }
      }
      if done < start { parts.append(.text(done..<start)) }
      parts.append(.token(token.id))
      done = end
    }
    if done < text.count { parts.append(.text(done..<text.count)) }
    return parts
  }

  private func isSpace(_ text: [UInt8], before index: Int) -> Bool {
    UTF8Scalars.scalar(in: text, at: UTF8Scalars.start(before: index, in: text)).scalar.properties.isWhitespace
  }

  private func isWord(_ text: [UInt8], before index: Int) -> Bool {
    index > 0 && isWord(text, at: UTF8Scalars.start(before: index, in: text))
  }

  /// `\w` of Unicode: letters, marks, decimal digits, connectors and joiners.
  private func isWord(_ text: [UInt8], at index: Int) -> Bool {
    guard index < text.count else { return false }
    let scalar = UTF8Scalars.scalar(in: text, at: index).scalar
    switch scalar.properties.generalCategory {
    case .decimalNumber, .connectorPunctuation, .nonspacingMark, .spacingMark, .enclosingMark: return true
    default: return scalar.properties.isAlphabetic || scalar == "\u{200C}" || scalar == "\u{200D}"
    }
  }
}
