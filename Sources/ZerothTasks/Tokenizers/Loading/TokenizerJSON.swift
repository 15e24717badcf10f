import ZerothSupport

/// Hugging Face's `tokenizer.json`: a tokenizer that is composed of parts.
///
/// `truncation` and `padding` are not read, because they are left to the caller, as is everything about pairs of texts.
enum TokenizerJSON {
  /// The tokenizer that `file` describes.
  ///
  /// - Parameter others: added tokens from other files. Those of this file come before them.
  /// - Throws: an ``InputError`` that names the field of an unknown part, or of a value that cannot be used.
  static func load(_ file: JSONPart, others: [AddedToken]) throws(InputError) -> ComposedTokenizer {
    if let version = try file.string("version"), version != "1.0" {
      throw InputError(file.subject(of: "version"), found: "'\(version.excerpt)'", expected: "1.0")
    }
    guard let part = try file.part("model") else { throw file.missing("model", "an object") }
    let model = try model(part)
    var vocabulary = model.vocabulary
    var added: [AddedToken] = []
    if try file.elements("added_tokens") != nil {
      for part in try file.parts("added_tokens") {
        added.append(try AddedToken(part, source: file.subject(of: "added_tokens")))
      }
    }
    added = try vocabulary.adding(added, others: others)
    var parts = ComposedTokenizer.Parts()
    if let part = try file.part("normalizer") { parts.normalizers = try Normalizers.read(part) }
    if let part = try file.part("pre_tokenizer") { parts.preTokenizers = try PreTokenizers.read(part) }
    if let part = try file.part("post_processor") { parts.template = try SequenceTemplate(part, vocabulary) }
    parts.decoders = try file.part("decoder").map { part throws(InputError) in try TokenDecoders.read(part) }
    try requireModest(parts.normalizers.map(\.growth) + parts.preTokenizers.map(\.growth), file.subject)
    try requireModest((parts.decoders ?? []).map(\.growth), file.subject)
    return ComposedTokenizer(vocabulary: vocabulary, model: model.model, addedTokens: added, parts: parts)
  }

  /// Throws ``InputError`` for parts that together could make a text many times as long, because then a short file
  /// would take all memory. In known tokenizers the factor is at most 3000.
  private static func requireModest(_ growths: [Int], _ path: String) throws(InputError) {
    let most = 16384
    let growth = growths.reduce(1) { min($0 * min($1, most + 1), most + 1) }
    guard growth <= most else {
      throw InputError(path, found: "parts that may make a text more than \(most) times as long", expected: "fewer")
    }
  }

  private static func model(_ part: JSONPart) throws(InputError) -> (model: any TokenModel, vocabulary: Vocabulary) {
    let known = ["BPE", "Unigram", "WordPiece", "WordLevel"]
    let type = try part.string("type") ?? untagged(part)
    switch type {
    case "BPE":
      let vocabulary = try Vocabulary(part)
      return (try bytePairEncoding(part, vocabulary), vocabulary)
    case "Unigram": return try unigram(part)
    case "WordPiece":
      let vocabulary = try Vocabulary(part)
      var options = WordPiece.Options()
      options.unknownToken = try part.string("unk_token") ?? options.unknownToken
      options.continuingPrefix = try part.string("continuing_subword_prefix") ?? options.continuingPrefix
      options.maximumCharacters = try part.integer("max_input_chars_per_word") ?? options.maximumCharacters
      return (try WordPiece(vocabulary: vocabulary, options: options, subject: part.subject), vocabulary)
    case "WordLevel":
      let vocabulary = try Vocabulary(part)
      return (
        try WordLevel(
          vocabulary: vocabulary, unknownToken: try part.string("unk_token") ?? "<unk>", subject: part.subject),
        vocabulary
      )
    case let type?: throw part.unknownType(type, known)
    case nil: throw part.missing("type", known.joined(separator: ", "))
    }
  }

  /// The type of the model in an older file, which does not name it.
  private static func untagged(_ part: JSONPart) -> String? {
    if part.value("merges") != nil { return "BPE" }
    if part.value("max_input_chars_per_word") != nil { return "WordPiece" }
    return part.value("unk_id") != nil ? "Unigram" : nil
  }

  private static func bytePairEncoding(
    _ part: JSONPart, _ vocabulary: Vocabulary
  ) throws(InputError) -> BytePairEncoding {
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
      if let affix = try part.string(key), !affix.isEmpty {
        throw InputError(part.subject(of: key), found: "'\(affix.excerpt)'", expected: "none for BPE")
      }
    }
    if let dropout = try part.number("dropout"), dropout != 0 {
      throw InputError(
        part.subject(of: "dropout"), found: "\(dropout)", expected: "none: merges would be left out at random")
    }
    var options = BytePairEncoding.Options()
    options.ignoresMerges = try part.bool("ignore_merges") ?? false
    options.fallsBackToBytes = try part.bool("byte_fallback") ?? false
    options.fusesUnknown = try part.bool("fuse_unk") ?? false
    options.unknownId = try part.string("unk_token").map { token throws(InputError) in
      try vocabulary.required(token, subject: part.subject(of: "unk_token"))
    }
    return try BytePairEncoding(
      vocabulary: vocabulary, merges: try merges(part), options: options, subject: part.subject(of: "merges"))
  }

  /// The merges, written `"a b"` in older files and `["a", "b"]` in newer ones.
  private static func merges(_ part: JSONPart) throws(InputError) -> [(left: String, right: String)] {
    guard let elements = try part.elements("merges") else { throw part.missing("merges", "an array") }
    var merges: [(left: String, right: String)] = []
    merges.reserveCapacity(elements.count)
    for (index, element) in elements.enumerated() {
      if let pair = element.elements, pair.count == 2, let left = pair[0].string, let right = pair[1].string {
        merges.append((left, right))
      } else if let line = element.string, let pair = MergeLine.pair(line) {
        merges.append(pair)
      } else {
        throw InputError(
          "\(part.subject(of: "merges"))[\(index)]", found: element.description.excerpt, expected: "two tokens")
      }
    }
    return merges
  }

  private static func unigram(_ part: JSONPart) throws(InputError) -> (model: any TokenModel, vocabulary: Vocabulary) {
    let subject = part.subject(of: "vocab")
    guard let elements = try part.elements("vocab") else { throw part.missing("vocab", "an array") }
    var entries: [(token: String, id: Int)] = []
    var scores: [Double] = []
    for (index, element) in elements.enumerated() {
      guard let pair = element.elements, pair.count == 2, let token = pair[0].string, let score = pair[1].double else {
        throw InputError("\(subject)[\(index)]", found: element.description.excerpt, expected: "a token and a number")
      }
      entries.append((token, index))
      scores.append(score)
    }
    let vocabulary = try Vocabulary(entries, subject: subject)
    guard let unknownId = try part.integer("unk_id"), scores.indices.contains(unknownId) else {
      throw InputError(
        part.subject(of: "unk_id"), found: part.json["unk_id"]?.summary ?? "no such field",
        expected: "0 to \(scores.count - 1), the id of what is unknown")
    }
    let model = Unigram(
      vocabulary: vocabulary, scores: scores, unknownId: unknownId,
      fallsBackToBytes: try part.bool("byte_fallback") ?? false)
    return (model, vocabulary)
  }
}

extension Vocabulary {
  /// The vocabulary of a model: an object with an id for each token.
  fileprivate init(_ part: JSONPart) throws(InputError) {
    guard let table = try part.part("vocab") else { throw part.missing("vocab", "an object") }
    try self.init(table: table)
  }

  /// The tokens that are the keys of an object, each with its id.
  init(table: JSONPart) throws(InputError) {
    let members = table.json.members ?? []
    var entries: [(token: String, id: Int)] = []
    entries.reserveCapacity(members.count)
    for member in members {
      guard let id = member.value.integer else {
        throw InputError(
          table.subject(of: member.key.excerpt), found: member.value.summary, expected: "an integer, the token's id")
      }
      entries.append((member.key, id))
    }
    try self.init(entries, subject: table.subject)
  }
}
