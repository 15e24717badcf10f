import Zeroth

/// BERT's word pieces: each word is cut, from its front, into the longest tokens that the vocabulary holds.
struct WordPiece: Tokenizer {
  private let vocabulary: Vocabulary
  private let template: SequenceTemplate
  private let specialIds: Set<Int>
  private let rawTokens: AddedTokenSplitter
  private let normalizedTokens: AddedTokenSplitter
  private let normalizer: BertNormalizer
  private let options: Options
  private let unknownId: Int
  /// The tokens that may start a word, and those that may go on with one, without their prefix.
  private let starts: ByteTrie
  private let continuations: ByteTrie

  struct Options: Sendable {
    var unknownToken = "[UNK]"
    var continuingPrefix = "##"
    /// In scalars; a longer word is one unknown token.
    var maximumCharacters = 100
    /// Whether decoding takes away the space in front of punctuation and English contractions.
    var cleansUp = true
  }

  var vocabularySize: Int { vocabulary.count }

  /// - Parameters:
  ///   - modelVocabulary: the tokens that words are cut into; added tokens outside it are not among them.
  ///   - subject: the file and field of the model, for the errors.
  init(
    vocabulary: Vocabulary, modelVocabulary: some Sequence<Int>, normalizer: BertNormalizer, addedTokens: [AddedToken],
    template: SequenceTemplate, options: Options, subject: String
  ) throws(InputError) {
    self.vocabulary = vocabulary
    self.normalizer = normalizer
    self.template = template
    self.options = options
    specialIds = Set(addedTokens.filter(\.isSpecial).map(\.id))
    rawTokens = AddedTokenSplitter(addedTokens.filter { !$0.isNormalized })
    normalizedTokens = AddedTokenSplitter(
      addedTokens.filter(\.isNormalized).map { token in
        var token = token
        token.content = String(decoding: normalizer.normalize(Array(token.content.utf8)[...]), as: UTF8.self)
        return token
      })
    unknownId = try vocabulary.required(options.unknownToken, subject: "\(subject).unk_token")
    guard options.maximumCharacters >= 0 else {
      throw InputError(
        "\(subject).max_input_chars_per_word", found: "\(options.maximumCharacters)", expected: "0 or more")
    }
    var (starts, continuations) = (ByteTrie(), ByteTrie())
    let prefix = Array(options.continuingPrefix.utf8)
    for id in modelVocabulary {
      guard let token = vocabulary.bytes(of: id) else { continue }
      starts.insert(token, value: id)
      if token.starts(with: prefix) { continuations.insert(token.dropFirst(prefix.count), value: id) }
    }
    self.starts = starts
    self.continuations = continuations
  }

  func encode(_ text: String, addSpecialTokens: Bool) -> [Int] {
    let bytes = Array(text.utf8)
    var ids = addSpecialTokens ? template.prefix : []
    for part in rawTokens.split(bytes) {
      switch part {
      case .token(let id): ids.append(id)
      case .text(let range):
        let normalized = normalizer.normalize(bytes[range])
        for part in normalizedTokens.split(normalized) {
          switch part {
          case .token(let id): ids.append(id)
          case .text(let range):
            BertWords.forEachWord(in: normalized, range) { encodeWord(normalized, $0, onto: &ids) }
          }
        }
      }
    }
    if addSpecialTokens { ids += template.suffix }
    return ids
  }

  private func encodeWord(_ text: [UInt8], _ word: Range<Int>, onto ids: inout [Int]) {
    let firstId = ids.count
    let characters = word.count { text[$0] & 0xC0 != 0x80 }
    var start = word.lowerBound
    while start < word.upperBound {
      let trie = start == word.lowerBound ? starts : continuations
      guard characters <= options.maximumCharacters,
        let match = trie.longestMatch(in: text, from: start, to: word.upperBound)
      else {
        ids.replaceSubrange(firstId..., with: [unknownId])
        return
      }
      ids.append(match.value)
      start = match.end
    }
  }

  func decode(_ ids: [Int], skipSpecialTokens: Bool) -> String {
    let prefix = Array(options.continuingPrefix.utf8)
    var text = ""
    var isFirst = true
    for id in ids where !(skipSpecialTokens && specialIds.contains(id)) {
      guard let token = vocabulary.bytes(of: id) else { continue }
      // By bytes: a mark that follows the prefix is one character with its end.
      let goesOn = token.starts(with: prefix)
      if !goesOn, !isFirst, !(options.cleansUp && Self.leansLeft(token)) { text += " " }
      text += String(decoding: goesOn && !isFirst ? token.dropFirst(prefix.count) : token[...], as: UTF8.self)
      isFirst = false
    }
    return text
  }

  /// Whether a token begins like punctuation or the end of an English contraction.
  private static func leansLeft(_ token: [UInt8]) -> Bool {
    leaning.contains { token.starts(with: $0.utf8) }
  }

  private static let leaning = [".", "?", "!", ",", "n't", "'m", "'s", "'ve", "'re"]

  func id(of token: String) -> Int? { vocabulary.id(of: token) }

  func token(of id: Int) -> String? { vocabulary.token(of: id) }
}
