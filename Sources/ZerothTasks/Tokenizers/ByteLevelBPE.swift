import Zeroth

/// Byte-pair encoding over the bytes of words, as of GPT-2, OPT and RoBERTa.
struct ByteLevelBPE: Tokenizer {
  private let vocabulary: Vocabulary
  private let template: SequenceTemplate
  private let specialIds: Set<Int>
  private let rawTokens: AddedTokenSplitter
  private let normalizedTokens: AddedTokenSplitter
  private let merges: PairMerges
  /// The symbol that each byte starts as; negative for a byte that the vocabulary lacks, which is left out of the text
  /// when there is no unknown token to stand for it.
  private let byteIds: [Int]
  private let options: Options
  /// The bytes that each id stands for.
  private let decoded: [[UInt8]]

  struct Options: Sendable {
    /// Puts a space before text that begins without one.
    var addsPrefixSpace = false
    /// Cuts text into words; otherwise what lies between added tokens is one word.
    var splitsWords = true
    /// Takes a word that is itself a token without merging.
    var ignoresMerges = false
    /// One unknown token for a run of unknown bytes.
    var fusesUnknown = false
    /// Stands for the bytes that the vocabulary lacks.
    var unknownId: Int?
  }

  var vocabularySize: Int { vocabulary.count }

  /// - Parameter subject: the file and field of `merges`, for the errors.
  init(
    vocabulary: Vocabulary, merges pairs: [TokenizerJSON.Pair], addedTokens: [AddedToken], template: SequenceTemplate,
    options: Options, subject: String
  ) throws(InputError) {
    self.vocabulary = vocabulary
    self.template = template
    self.options = options
    specialIds = Set(addedTokens.filter(\.isSpecial).map(\.id))
    rawTokens = AddedTokenSplitter(addedTokens.filter { !$0.isNormalized })
    normalizedTokens = AddedTokenSplitter(addedTokens.filter(\.isNormalized))
    byteIds = ByteAlphabet.letters.map { vocabulary.id(of: Array(String($0).utf8)) ?? -1 }
    var merges = PairMerges()
    for (rank, pair) in pairs.enumerated() {
      let subject = "\(subject)[\(rank)]"
      merges.add(
        try vocabulary.required(pair.left, subject: subject), try vocabulary.required(pair.right, subject: subject),
        into: try vocabulary.required(pair.left + pair.right, subject: subject), rank: rank)
    }
    self.merges = merges
    decoded = (0..<vocabulary.count).map { ByteAlphabet.decode(vocabulary.token(of: $0) ?? "") }
  }

  func encode(_ text: String, addSpecialTokens: Bool) -> [Int] {
    let bytes = Array(text.utf8)
    var ids = addSpecialTokens ? template.prefix : []
    var symbols: [PairMerges.Symbol] = []
    for part in rawTokens.split(bytes) {
      switch part {
      case .token(let id): ids.append(id)
      case .text(let range):
        let between = range.count == bytes.count ? bytes : Array(bytes[range])
        for part in normalizedTokens.split(between) {
          switch part {
          case .token(let id): ids.append(id)
          case .text(let range): encode(between, range, &symbols, onto: &ids)
          }
        }
      }
    }
    if addSpecialTokens { ids += template.suffix }
    return ids
  }

  /// Encodes a stretch of text without added tokens.
  private func encode(_ text: [UInt8], _ range: Range<Int>, _ symbols: inout [PairMerges.Symbol], onto ids: inout [Int])
  {
    let space = UInt8(ascii: " ")
    if options.addsPrefixSpace, text[range.lowerBound] != space {
      let prefixed = [space] + text[range]
      encodeWords(prefixed, prefixed.indices, &symbols, onto: &ids)
    } else {
      encodeWords(text, range, &symbols, onto: &ids)
    }
  }

  private func encodeWords(
    _ text: [UInt8], _ range: Range<Int>, _ symbols: inout [PairMerges.Symbol], onto ids: inout [Int]
  ) {
    var start = range.lowerBound
    while start < range.upperBound {
      let end =
        options.splitsWords
        ? ByteLevelWords.wordEnd(in: text, from: start, to: range.upperBound) : range.upperBound
      encodeWord(text, start..<end, &symbols, onto: &ids)
      start = end
    }
  }

  private func encodeWord(
    _ text: [UInt8], _ range: Range<Int>, _ symbols: inout [PairMerges.Symbol], onto ids: inout [Int]
  ) {
    if options.ignoresMerges,
      let id = vocabulary.id(of: text[range].flatMap { Array(String(ByteAlphabet.letters[Int($0)]).utf8) })
    {
      ids.append(id)
      return
    }
    symbols.removeAll(keepingCapacity: true)
    for index in range {
      let id = byteIds[Int(text[index])]
      if id >= 0 || options.unknownId != nil { symbols.append(PairMerges.Symbol(id: id, start: index)) }
    }
    merges.apply(to: &symbols)
    var followsUnknown = false
    for symbol in symbols {
      if symbol.id >= 0 {
        ids.append(Int(symbol.id))
      } else if let unknownId = options.unknownId, !(followsUnknown && options.fusesUnknown) {
        ids.append(unknownId)
      }
      followsUnknown = symbol.id < 0
    }
  }

  func decode(_ ids: [Int], skipSpecialTokens: Bool) -> String {
    var bytes: [UInt8] = []
    for id in ids where decoded.indices.contains(id) && !(skipSpecialTokens && specialIds.contains(id)) {
      bytes += decoded[id]
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  func id(of token: String) -> Int? { vocabulary.id(of: token) }

  func token(of id: Int) -> String? { vocabulary.token(of: id) }
}
