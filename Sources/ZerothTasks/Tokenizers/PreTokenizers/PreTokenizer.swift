import ZerothSupport

/// Cuts a text into words, which a model then cuts into tokens one by one.
protocol PreTokenizer: Sendable {
  func cut(_ pieces: inout Pieces)

  /// The most times as long that a text can become.
  var growth: Int { get }
}

extension PreTokenizer {
  var growth: Int { 1 }
}

/// Reads the parts of `pre_tokenizer`, in order.
enum PreTokenizers {
  static func read(_ part: JSONPart) throws(InputError) -> [any PreTokenizer] {
    let type = try part.type()
    switch type {
    case "Sequence":
      var parts: [any PreTokenizer] = []
      for part in try part.parts("pretokenizers") { parts += try read(part) }
      return parts
    case "Split": return [try PatternSplit(part)]
    case "Digits":
      let isEach = try part.bool("individual_digits") ?? false
      let digits = ScalarProperties.scalars(ScalarProperties.Category.numbers, in: .unicode16)
      return [PatternSplit(TextPattern(scalarOf: digits), isEach ? .isolated : .contiguous)]
    case "ByteLevel": return try ByteLevel.parts(part)
    case "Metaspace": return [try Metaspace(part)]
    case "Whitespace": return [PatternSplit.wordsAndSigns]
    case "WhitespaceSplit": return [PatternSplit.whiteSpace]
    case "Punctuation": return [PatternSplit(PatternSplit.punctuation, try PatternSplit.behavior(part) ?? .isolated)]
    case "BertPreTokenizer":
      return [PatternSplit.whiteSpace, PatternSplit(PatternSplit.punctuation, .isolated)]
    case "CharDelimiterSplit":
      return [PatternSplit(.literal(Array(String(try part.scalar("delimiter")).utf8)), .removed)]
    default:
      throw part.unknownType(
        type,
        [
          "Sequence", "Split", "Digits", "ByteLevel", "Metaspace", "Whitespace", "WhitespaceSplit", "Punctuation",
          "BertPreTokenizer", "CharDelimiterSplit",
        ])
    }
  }
}
