import ZerothSupport

/// BERT's word pieces: each piece of a text is cut from its front into the longest tokens of the vocabulary.
struct WordPiece: TokenModel {
  private let options: Options
  private let unknownId: Int
  /// The tokens that may start a word, and those that may continue one, without their prefix.
  private var starts = ByteTrie()
  private var continuations = ByteTrie()

  struct Options: Sendable {
    var unknownToken = "[UNK]"
    var continuingPrefix = "##"
    /// The most scalars of a word. A longer word becomes one unknown token.
    var maximumCharacters = 100
  }

  /// - Parameter subject: the file and field of the model, for the errors.
  init(vocabulary: Vocabulary, options: Options, subject: String) throws(InputError) {
    self.options = options
    unknownId = try vocabulary.required(options.unknownToken, subject: "\(subject).unk_token")
    guard options.maximumCharacters >= 0 else {
      throw InputError(
        "\(subject).max_input_chars_per_word", found: "\(options.maximumCharacters)", expected: "0 or more")
    }
    let prefix = Array(options.continuingPrefix.utf8)
    for id in 0..<vocabulary.count {
      guard let token = vocabulary.bytes(of: id) else { continue }
      starts.insert(token, value: id)
      if token.starts(with: prefix) { continuations.insert(token.dropFirst(prefix.count), value: id) }
    }
  }

  func appendTokens(of pieces: Pieces, onto ids: inout [Int]) {
    for piece in pieces.pieces {
      if let token = piece.token { ids.append(token) } else { append(pieces.text, piece.range, onto: &ids) }
    }
  }

  private func append(_ text: [UInt8], _ word: Range<Int>, onto ids: inout [Int]) {
    let firstId = ids.count
    var characters = 0
    for index in word where text[index] & 0xC0 != 0x80 { characters += 1 }
    var start = word.lowerBound
    while start < word.upperBound {
      let trie = start == word.lowerBound ? starts : continuations
      guard characters <= options.maximumCharacters,
        let match = trie.longestMatch(in: text, from: start, to: word.upperBound)
      else {
        ids.removeLast(ids.count - firstId)
        ids.append(unknownId)
        return
      }
      ids.append(match.value)
      start = match.end
    }
  }
}
