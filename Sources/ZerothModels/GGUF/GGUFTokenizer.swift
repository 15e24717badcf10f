import Zeroth
import ZerothSupport

/// The tokenizer of a GGUF file, converted to a `tokenizer.json` and a `tokenizer_config.json`.
///
/// `gpt2` is byte-level byte-pair encoding; how it cuts a text into words is given by a name (`GGUFWords`). `llama` is
/// the byte-pair encoding of SentencePiece, whose merges follow from the scores of the tokens. Special tokens are found
/// in a text in the same way as in Hugging Face's tokenizers.
public struct GGUFTokenizer {
  private let file: GGUFFile
  private let tokens: [String]
  private let kinds: [Kind]

  /// The values of `tokenizer.ggml.token_type`.
  private enum Kind: Int {
    case normal = 1
    case unknown, control, userDefined, unused, byte
  }

  /// Whether the file at `path` is in GGUF.
  public static func isIn(_ path: String) -> Bool { GGUFFile.isOne(path) }

  /// The converted files of the tokenizer in the GGUF file at `path`, by their names. Throws `InputError` for metadata
  /// that cannot be used.
  public static func files(of path: String) throws(InputError) -> [(name: String, json: JSON)] {
    let tokenizer = try GGUFTokenizer(path)
    return [("tokenizer.json", try tokenizer.json()), ("tokenizer_config.json", try tokenizer.configuration())]
  }

  private init(_ path: String) throws(InputError) {
    file = try GGUFFile(path: path)
    guard let tokens = try file.texts("tokenizer.ggml.tokens"), !tokens.isEmpty else {
      throw file.error("tokenizer.ggml.tokens", expected: "the tokens of a tokenizer")
    }
    self.tokens = tokens
    let types = file.metadata["tokenizer.ggml.token_type"] ?? .integers(tokens.map { _ in 1 })
    guard case .integers(let numbers) = types, numbers.count == tokens.count else {
      throw file.error("tokenizer.ggml.token_type", expected: "\(tokens.count) integers, one for each token")
    }
    kinds = numbers.map { Kind(rawValue: $0) ?? .normal }
  }

  // MARK: - Files

  private func json() throws(InputError) -> JSON {
    let model = try file.text("tokenizer.ggml.model")
    let parts: [JSON.Member]
    switch model {
    case "gpt2": parts = try byteLevelParts()
    case "llama": parts = try sentencePieceParts()
    default: throw file.error("tokenizer.ggml.model", expected: "gpt2 or llama")
    }
    let added = kinds.indices.filter { kinds[$0] == .control || kinds[$0] == .userDefined }.map { id -> JSON in
      [
        "id": .int(id), "content": .string(tokens[id]), "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": .bool(kinds[id] == .control),
      ]
    }
    return .object(
      [
        .init("version", "1.0"), .init("truncation", .null), .init("padding", .null),
        .init("added_tokens", .array(added)),
      ]
        + parts)
  }

  private func configuration() throws(InputError) -> JSON {
    var members: [JSON.Member] = [.init("tokenizer_class", "PreTrainedTokenizerFast")]
    for (key, name) in [("bos", "bos_token"), ("eos", "eos_token"), ("unknown", "unk_token"), ("padding", "pad_token")]
    {
      if let id = try token(key) { members.append(.init(name, .string(tokens[id]))) }
    }
    members.append(.init("clean_up_tokenization_spaces", false))
    if let template = try file.text("tokenizer.chat_template") {
      members.append(.init("chat_template", .string(template)))
    }
    return .object(members)
  }

  /// The id of the token for a role, as the metadata say; nil where they name none.
  private func token(_ role: String) throws(InputError) -> Int? {
    let key = "tokenizer.ggml.\(role)_token_id"
    return file.metadata[key] == nil ? nil : try file.integer(key, 0...(tokens.count - 1))
  }

  // MARK: - Byte-level byte-pair encoding

  private func byteLevelParts() throws(InputError) -> [JSON.Member] {
    let words = try GGUFWords(file)
    guard let merges = try file.texts("tokenizer.ggml.merges") else {
      throw file.error("tokenizer.ggml.merges", expected: "the merges of a byte-pair encoding")
    }
    return [
      .init("normalizer", words.composes ? ["type": "NFC"] : .null), .init("pre_tokenizer", words.json),
      .init("post_processor", try template(addsStart: words.addsStart)),
      .init("decoder", GGUFWords.byteLevel(splitsWords: true)),
      .init(
        "model",
        [
          "type": "BPE", "dropout": .null, "unk_token": .null, "continuing_subword_prefix": .null,
          "end_of_word_suffix": .null, "fuse_unk": false, "byte_fallback": false,
          "ignore_merges": .bool(words.ignoresMerges), "vocab": vocabulary,
          "merges": .array(merges.map { .string($0) }),
        ]),
    ]
  }

  /// The tokens with their ids. Ids without a token are left out.
  private var vocabulary: JSON {
    .object(tokens.indices.filter { kinds[$0] != .unused }.map { .init(tokens[$0], .int($0)) })
  }

  // MARK: - SentencePiece

  private func sentencePieceParts() throws(InputError) -> [JSON.Member] {
    let scores: [Float]
    switch file.metadata["tokenizer.ggml.scores"] {
    case .numbers(let numbers) where numbers.count == tokens.count && numbers.allSatisfy(\.isFinite): scores = numbers
    default: throw file.error("tokenizer.ggml.scores", expected: "\(tokens.count) numbers, one for each token")
    }
    let addsSpace = try file.flag("tokenizer.ggml.add_space_prefix") ?? true
    let replacing: JSON = ["type": "Replace", "pattern": ["String": " "], "content": "\u{2581}"]
    let prepending: JSON = ["type": "Prepend", "prepend": "\u{2581}"]
    var decoders: [JSON] = [
      ["type": "Replace", "pattern": ["String": "\u{2581}"], "content": " "], ["type": "ByteFallback"],
      ["type": "Fuse"],
    ]
    if addsSpace { decoders.append(["type": "Strip", "content": " ", "start": 1, "stop": 0]) }
    let unknown = try token("unknown") ?? kinds.firstIndex(of: .unknown)
    return [
      .init(
        "normalizer", addsSpace ? ["type": "Sequence", "normalizers": [prepending, replacing]] : replacing),
      .init("pre_tokenizer", .null), .init("post_processor", try template(addsStart: true)),
      .init("decoder", ["type": "Sequence", "decoders": .array(decoders)]),
      .init(
        "model",
        [
          "type": "BPE", "dropout": .null, "unk_token": unknown.map { .string(tokens[$0]) } ?? .null,
          "continuing_subword_prefix": .null, "end_of_word_suffix": .null, "fuse_unk": true,
          "byte_fallback": .bool(kinds.count { $0 == .byte } == 256), "ignore_merges": false, "vocab": vocabulary,
          "merges": .array(merges(scores).map { [.string($0.left), .string($0.right)] }),
        ]),
    ]
  }

  /// Every split of a token into two tokens. The splits of the token with the highest score come first. Among the
  /// splits of one token, the one with the longest first part comes first. This second order has no effect, because
  /// SentencePiece merges by score alone.
  private func merges(_ scores: [Float]) -> [(left: String, right: String)] {
    let isMergeable = kinds.map { $0 == .normal || $0 == .userDefined }
    let known = Set(tokens.indices.filter { isMergeable[$0] }.map { tokens[$0] })
    let best = tokens.indices.filter { isMergeable[$0] }.sorted {
      scores[$0] == scores[$1] ? $0 < $1 : scores[$0] > scores[$1]
    }
    var merges: [(left: String, right: String)] = []
    for id in best {
      let scalars = tokens[id].unicodeScalars
      for cut in scalars.indices.dropFirst().reversed() {
        let (left, right) = (String(scalars[..<cut]), String(scalars[cut...]))
        if known.contains(left), known.contains(right) { merges.append((left, right)) }
      }
    }
    return merges
  }

  // MARK: - Special tokens around a text

  /// The tokens in front of a text and behind it, as `add_bos_token` and `add_eos_token` say.
  private func template(addsStart: Bool) throws(InputError) -> JSON {
    let start = try file.flag("tokenizer.ggml.add_bos_token") ?? addsStart ? try token("bos") : nil
    let end = try file.flag("tokenizer.ggml.add_eos_token") ?? false ? try token("eos") : nil
    guard start != nil || end != nil else { return .null }
    func special(_ id: Int?) -> [JSON] {
      id.map { [["SpecialToken": ["id": .string(tokens[$0]), "type_id": 0]]] } ?? []
    }
    func text(_ name: String) -> [JSON] {
      special(start) + [["Sequence": ["id": .string(name), "type_id": 0]]] + special(end)
    }
    var ids: [Int] = []
    for id in [start, end] { if let id, !ids.contains(id) { ids.append(id) } }
    return [
      "type": "TemplateProcessing", "single": .array(text("A")), "pair": .array(text("A") + text("B")),
      "special_tokens": .object(
        ids.map { id in
          .init(
            tokens[id],
            ["id": .string(tokens[id]), "ids": [.int(id)], "tokens": [.string(tokens[id])]])
        }),
    ]
  }
}
