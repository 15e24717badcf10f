import ZerothSupport

/// A token that is recognised in the text before any other processing, such as `</s>`.
struct AddedToken: Sendable {
  var id: Int
  var content: String
  /// Whether `decode` leaves it out with `skipSpecialTokens`.
  var isSpecial = true
  /// Whether it is searched in the normalised text and not in the raw text.
  var isNormalized = false
  /// Whether it is recognised only where no word character stands next to it.
  var isSingleWord = false
  /// Whether it includes the white space before it, and whether it includes that after it.
  var stripsLeft = false
  var stripsRight = false
  /// The file and field of the token, for messages of errors.
  var source: String

  init(id: Int, content: String, source: String) {
    self.id = id
    self.content = content
    self.source = source
  }

  /// A token as a file describes it. In some files the id is given elsewhere.
  init(_ part: JSONPart, id: Int? = nil, source: String) throws(InputError) {
    let own = try part.integer("id")
    guard let id = id ?? own else { throw part.missing("id", "an integer") }
    self.id = id
    self.source = source
    content = try part.required("content")
    isSpecial = try part.bool("special") ?? false
    isNormalized = try part.bool("normalized") ?? !isSpecial
    isSingleWord = try part.bool("single_word") ?? false
    stripsLeft = try part.bool("lstrip") ?? false
    stripsRight = try part.bool("rstrip") ?? false
  }
}

/// Cuts a text at its added tokens. The leftmost match counts, and among several the longest.
struct AddedTokenSplitter: Sendable {
  private let tokens: [AddedToken]
  private var trie = ByteTrie()
  private var canStart = [Bool](repeating: false, count: 256)

  var isEmpty: Bool { tokens.isEmpty }

  init(_ tokens: [AddedToken]) {
    self.tokens = tokens.filter { !$0.content.isEmpty }
    for (index, token) in self.tokens.enumerated() {
      trie.insert(token.content.utf8, value: index)
      if let first = token.content.utf8.first { canStart[Int(first)] = true }
    }
  }

  /// Cuts `text[range]`.
  func cut(_ text: [UInt8], _ range: Range<Int>, into cuts: inout Pieces.Cuts) {
    var done = range.lowerBound
    var index = range.lowerBound
    while index < range.upperBound {
      guard canStart[Int(text[index])], let match = trie.longestMatch(in: text, from: index, to: range.upperBound)
      else {
        index += 1
        continue
      }
      let token = tokens[match.value]
      var (start, end) = (index, match.end)
      index = match.end
      if token.isSingleWord {
        if start > range.lowerBound, isWord(text, at: UTF8Scalars.start(before: start, in: text)) { continue }
        if end < range.upperBound, isWord(text, at: end) { continue }
      }
      // The white space that the token before included may contain the start of this match, which is still a match.
      // Where it contains the whole match, and this token includes white space too, there is no match.
      while token.stripsLeft, start > done, isSpace(text, at: UTF8Scalars.start(before: start, in: text)) {
        start = UTF8Scalars.start(before: start, in: text)
      }
      if token.stripsLeft { start = max(start, done) }
      while token.stripsRight, end < range.upperBound, isSpace(text, at: end) { end += UTF8Scalars.length(text[end]) }
      if done < start { cuts.take(done..<start) }
      if start < end { cuts.take(start..<end, token: token.id) }
      done = end
    }
    if done < range.upperBound { cuts.take(done..<range.upperBound) }
  }

  private func isSpace(_ text: [UInt8], at index: Int) -> Bool {
    ScalarProperties.isWhiteSpace(UTF8Scalars.scalar(in: text, at: index).scalar)
  }

  private func isWord(_ text: [UInt8], at index: Int) -> Bool {
    Self.wordScalars.contains(UTF8Scalars.scalar(in: text, at: index).scalar)
  }

  /// `\w` of Unicode: alphabetic scalars, marks, decimal digits, connectors and joiners. Some circled letters are
  /// symbols by their category.
  static let wordScalars = ScalarProperties.scalars(
    ScalarProperties.Category.letters.union(ScalarProperties.Category.marks).union([.nd, .nl, .pc]), in: .unicode16
  ).union(
    ScalarSet([
      0x200C..<0x200E, 0x24B6..<0x24EA, 0x1F130..<0x1F14A, 0x1F150..<0x1F16A, 0x1F170..<0x1F18A,
    ]))
}
