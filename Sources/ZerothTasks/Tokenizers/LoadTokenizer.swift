import Foundation
import Zeroth

/// The tokenizer whose files lie in `directory`, a folder in Hugging Face's layout.
///
/// The first of these that the folder holds is read:
/// 1. `tokenizer.model`: SentencePiece BPE (Llama). `tokenizer_config.json` may turn off `<s>` in front
///    (`add_bos_token`) and turn on `</s>` behind (`add_eos_token`).
/// 2. `tokenizer.json`: byte-level BPE (GPT-2, OPT, RoBERTa) or WordPiece (BERT), with its own special tokens.
/// 3. `vocab.json` with `merges.txt`: byte-level BPE with `</s>` in front, as of OPT; with `<s>` and `</s>` around the
///    text if `tokenizer_config.json` or `config.json` says RoBERTa; with none if `add_bos_token` is false.
/// 4. `vocab.txt`: uncased BERT, cased if `do_lower_case` in `tokenizer_config.json` is false.
///
/// - Throws: ``InputError`` naming the file and field that cannot be used, or the folder that holds none of these.
public func loadTokenizer(directory: String) throws(InputError) -> any Tokenizer {
  let folder = TokenizerFolder(path: directory)
  if folder.has("tokenizer.model") { return try folder.sentencePiece() }
  if folder.has("tokenizer.json") { return try folder.tokenizerJSON() }
  if folder.has("vocab.json"), folder.has("merges.txt") { return try folder.vocabularyAndMerges() }
  if folder.has("vocab.txt") { return try folder.vocabularyText() }
  throw InputError(
    directory, found: "no tokenizer files",
    expected: "tokenizer.model, tokenizer.json, vocab.json with merges.txt, or vocab.txt")
}

/// The names of the files in `directory` that `loadTokenizer` reads, besides `config.json`.
public func tokenizerFiles(in directory: String) -> [String] {
  let folder = TokenizerFolder(path: directory)
  let names =
    if folder.has("tokenizer.model") {
      ["tokenizer.model", "tokenizer_config.json"]
    } else if folder.has("tokenizer.json") {
      ["tokenizer.json"]
    } else if folder.has("vocab.json"), folder.has("merges.txt") {
      ["vocab.json", "merges.txt", "tokenizer_config.json"]
    } else {
      ["vocab.txt", "tokenizer_config.json"]
    }
  return names.filter(folder.has)
}

/// The fields of `tokenizer_config.json` that decide ids where the other files leave them open.
private struct TokenizerConfig: Decodable {
  var tokenizerClass: String?
  var addsBos: Bool?
  var addsEos: Bool?
  var addsPrefixSpace: Bool?
  var lowercases: Bool?
  var stripsAccents: Bool?
  var spacesChinese: Bool?

  enum CodingKeys: String, CodingKey {
    case tokenizerClass = "tokenizer_class"
    case addsBos = "add_bos_token"
    case addsEos = "add_eos_token"
    case addsPrefixSpace = "add_prefix_space"
    case lowercases = "do_lower_case"
    case stripsAccents = "strip_accents"
    case spacesChinese = "tokenize_chinese_chars"
  }
}

/// The field of `config.json` that says which model the tokenizer is for.
private struct ModelConfig: Decodable {
  var modelType: String?

  enum CodingKeys: String, CodingKey {
    case modelType = "model_type"
  }
}

private struct TokenizerFolder {
  let path: String

  func file(_ name: String) -> String { path + "/" + name }

  func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: file(name)) }

  func config() throws(InputError) -> TokenizerConfig {
    guard has("tokenizer_config.json") else { return TokenizerConfig() }
    return try TokenizerFiles.json(TokenizerConfig.self, file("tokenizer_config.json"))
  }

  func isRoberta(_ config: TokenizerConfig) throws(InputError) -> Bool {
    if let name = config.tokenizerClass { return name.hasPrefix("Roberta") }
    guard has("config.json") else { return false }
    return try TokenizerFiles.json(ModelConfig.self, file("config.json")).modelType == "roberta"
  }

  func sentencePiece() throws(InputError) -> any Tokenizer {
    let file = file("tokenizer.model")
    let config = try config()
    return try SentencePieceBPE(
      try SentencePieceModel(file), addsBos: config.addsBos ?? true, addsEos: config.addsEos ?? false, path: file)
  }

  func tokenizerJSON() throws(InputError) -> any Tokenizer {
    let file = file("tokenizer.json")
    let json = try TokenizerFiles.json(TokenizerJSON.self, file)
    switch json.model.type {
    case "BPE": return try byteLevelBPE(json, file)
    case "WordPiece": return try wordPiece(json, file)
    // Older files do not name the type.
    case nil where json.model.merges != nil: return try byteLevelBPE(json, file)
    case let type:
      throw InputError(
        "\(file): model.type", found: type.map { "'\($0)'" } ?? "none", expected: "BPE or WordPiece")
    }
  }

  func byteLevelBPE(_ json: TokenizerJSON, _ file: String) throws(InputError) -> any Tokenizer {
    if let normalizer = json.normalizer {
      throw InputError("\(file): normalizer.type", found: "'\(normalizer.type)'", expected: "no normalizer for BPE")
    }
    guard let preTokenizer = json.preTokenizer, preTokenizer.type == "ByteLevel" else {
      throw InputError(
        "\(file): pre_tokenizer.type", found: json.preTokenizer.map { "'\($0.type)'" } ?? "none", expected: "ByteLevel")
    }
    let affixes = [
      ("continuing_subword_prefix", json.model.continuingPrefix), ("end_of_word_suffix", json.model.endOfWordSuffix),
    ]
    for (field, affix) in affixes {
      if let affix, !affix.isEmpty {
        throw InputError("\(file): model.\(field)", found: "'\(affix)'", expected: "none for byte-level BPE")
      }
    }
    guard let merges = json.model.merges else {
      throw InputError("\(file): model.merges", found: "no such field", expected: "an array")
    }
    let vocabulary = try json.vocabulary(file)
    let unknownId = try json.model.unknownToken.map { token throws(InputError) in
      try vocabulary.required(token, subject: "\(file): model.unk_token")
    }
    return try ByteLevelBPE(
      vocabulary: vocabulary, merges: merges, addedTokens: json.addedTokens ?? [],
      template: try json.template(file, vocabulary),
      options: .init(
        addsPrefixSpace: preTokenizer.addPrefixSpace ?? true, splitsWords: preTokenizer.useRegex ?? true,
        ignoresMerges: json.model.ignoresMerges ?? false, fusesUnknown: json.model.fusesUnknown ?? false,
        unknownId: unknownId),
      subject: "\(file): model.merges")
  }

  func wordPiece(_ json: TokenizerJSON, _ file: String) throws(InputError) -> any Tokenizer {
    guard let normalizer = json.normalizer, normalizer.type == "BertNormalizer" else {
      throw InputError(
        "\(file): normalizer.type", found: json.normalizer.map { "'\($0.type)'" } ?? "none", expected: "BertNormalizer")
    }
    guard let preTokenizer = json.preTokenizer, preTokenizer.type == "BertPreTokenizer" else {
      throw InputError(
        "\(file): pre_tokenizer.type", found: json.preTokenizer.map { "'\($0.type)'" } ?? "none",
        expected: "BertPreTokenizer")
    }
    let vocabulary = try json.vocabulary(file)
    let lowercases = normalizer.lowercase ?? true
    var options = WordPiece.Options()
    options.unknownToken = json.model.unknownToken ?? options.unknownToken
    options.continuingPrefix = json.model.continuingPrefix ?? options.continuingPrefix
    options.maximumCharacters = json.model.maximumCharacters ?? options.maximumCharacters
    options.cleansUp = json.decoder?.cleanup ?? true
    return try WordPiece(
      vocabulary: vocabulary, modelVocabulary: json.model.vocab.values,
      normalizer: .init(
        cleansText: normalizer.cleanText ?? true, spacesChinese: normalizer.handleChineseCharacters ?? true,
        stripsAccents: normalizer.stripAccents ?? lowercases, lowercases: lowercases),
      addedTokens: json.addedTokens ?? [], template: try json.template(file, vocabulary), options: options,
      subject: "\(file): model")
  }

  func vocabularyAndMerges() throws(InputError) -> any Tokenizer {
    let config = try config()
    let file = file("vocab.json")
    let vocabulary = try Vocabulary(
      try TokenizerFiles.json([String: Int].self, file).map { (token: $0.key, id: $0.value) }, subject: file)
    let isRoberta = try isRoberta(config)
    var template = SequenceTemplate()
    if isRoberta {
      template.prefix = [try vocabulary.required("<s>", subject: file)]
      template.suffix = [try vocabulary.required("</s>", subject: file)]
    } else if config.addsBos ?? true, let id = vocabulary.id(of: "</s>") {
      template.prefix = [id]
    }
    return try ByteLevelBPE(
      vocabulary: vocabulary, merges: try merges(),
      addedTokens: ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "<|endoftext|>"].compactMap { token in
        var added = vocabulary.id(of: token).map { AddedToken(id: $0, content: token) }
        added?.stripsLeft = isRoberta && token == "<mask>"
        return added
      },
      template: template, options: .init(addsPrefixSpace: config.addsPrefixSpace ?? false),
      subject: "\(self.file("merges.txt")): merges")
  }

  /// The merges of `merges.txt`, one a line, under an optional line with the version.
  func merges() throws(InputError) -> [TokenizerJSON.Pair] {
    let file = file("merges.txt")
    var merges: [TokenizerJSON.Pair] = []
    for (index, line) in Self.lines(try TokenizerFiles.text(file)).enumerated() where !line.hasPrefix("#version") {
      guard let merge = TokenizerJSON.Pair(line: line) else {
        throw InputError("\(file): line \(index + 1)", found: "'\(line)'", expected: "two tokens with a space between")
      }
      merges.append(merge)
    }
    return merges
  }

  func vocabularyText() throws(InputError) -> any Tokenizer {
    let config = try config()
    let file = file("vocab.txt")
    let vocabulary = try Vocabulary(
      Self.lines(try TokenizerFiles.text(file)).enumerated().map { (token: $0.element, id: $0.offset) }, subject: file)
    let lowercases = config.lowercases ?? true
    return try WordPiece(
      vocabulary: vocabulary, modelVocabulary: 0..<vocabulary.count,
      normalizer: .init(
        spacesChinese: config.spacesChinese ?? true, stripsAccents: config.stripsAccents ?? lowercases,
        lowercases: lowercases),
      addedTokens: ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].compactMap { token in
        vocabulary.id(of: token).map { AddedToken(id: $0, content: token) }
      },
      template: .init(
        prefix: [try vocabulary.required("[CLS]", subject: file)],
        suffix: [try vocabulary.required("[SEP]", subject: file)]),
      options: .init(), subject: file)
  }

  /// Lines that end in LF or CR LF, the last with or without it.
  static func lines(_ text: String) -> [String] {
    var lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
      String(Substring(line.last == UInt8(ascii: "\r") ? line.dropLast() : line))
    }
    if lines.last == "" { lines.removeLast() }
    return lines
  }
}
