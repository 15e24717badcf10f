import Zeroth

/// The fields of Hugging Face's `tokenizer.json` that decide the ids of one text.
///
/// `truncation` and `padding` are not read: they are the caller's, as is everything about pairs of texts.
struct TokenizerJSON: Decodable {
  var model: Model
  var addedTokens: [AddedToken]?
  var normalizer: Normalizer?
  var preTokenizer: PreTokenizer?
  var postProcessor: PostProcessor?
  var decoder: Decoder?

  enum CodingKeys: String, CodingKey {
    case model, normalizer, decoder
    case addedTokens = "added_tokens"
    case preTokenizer = "pre_tokenizer"
    case postProcessor = "post_processor"
  }

  struct Model: Decodable {
    var type: String?
    var vocab: [String: Int]
    var merges: [Pair]?
    var unknownToken: String?
    var fusesUnknown: Bool?
    var ignoresMerges: Bool?
    var continuingPrefix: String?
    var endOfWordSuffix: String?
    var maximumCharacters: Int?

    enum CodingKeys: String, CodingKey {
      case type, vocab, merges
      case unknownToken = "unk_token"
      case fusesUnknown = "fuse_unk"
      case ignoresMerges = "ignore_merges"
      case continuingPrefix = "continuing_subword_prefix"
      case endOfWordSuffix = "end_of_word_suffix"
      case maximumCharacters = "max_input_chars_per_word"
    }
  }

  /// A merge, written `"a b"` in older files and `["a", "b"]` in newer ones.
  struct Pair: Decodable {
    var left: String
    var right: String

    init(from decoder: any Swift.Decoder) throws {
      let value = try decoder.singleValueContainer()
      if let pair = try? value.decode([String].self), pair.count == 2 {
        (left, right) = (pair[0], pair[1])
      } else if let pair = Self(line: try value.decode(String.self)) {
        self = pair
      } else {
        throw DecodingError.dataCorruptedError(in: value, debugDescription: "a merge that is not two tokens")
      }
    }

    /// Two tokens with one space between them; nil for anything else.
    init?(line: String) {
      let tokens = line.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
      guard tokens.count == 2, tokens.allSatisfy({ !$0.isEmpty }) else { return nil }
      left = String(Substring(tokens[0]))
      right = String(Substring(tokens[1]))
    }
  }

  struct Normalizer: Decodable {
    var type: String
    var cleanText: Bool?
    var handleChineseCharacters: Bool?
    var stripAccents: Bool?
    var lowercase: Bool?

    enum CodingKeys: String, CodingKey {
      case type, lowercase
      case cleanText = "clean_text"
      case handleChineseCharacters = "handle_chinese_chars"
      case stripAccents = "strip_accents"
    }
  }

  struct PreTokenizer: Decodable {
    var type: String
    var addPrefixSpace: Bool?
    var useRegex: Bool?

    enum CodingKeys: String, CodingKey {
      case type
      case addPrefixSpace = "add_prefix_space"
      case useRegex = "use_regex"
    }
  }

  struct Decoder: Decodable {
    var cleanup: Bool?
  }

  struct PostProcessor: Decodable {
    var type: String
    /// Of `Sequence`: processors one after another.
    var processors: [PostProcessor]?
    /// Of `TemplateProcessing`: what stands around one text, and the ids of the special tokens by name.
    var single: [Piece]?
    var specialTokens: [String: SpecialToken]?
    /// Of `RobertaProcessing` and `BertProcessing`: the first and the last token.
    var first: NamedToken?
    var last: NamedToken?

    enum CodingKeys: String, CodingKey {
      case type, processors, single
      case specialTokens = "special_tokens"
      case first = "cls"
      case last = "sep"
    }

    struct Piece: Decodable {
      var specialToken: Name?
      var sequence: Name?

      enum CodingKeys: String, CodingKey {
        case specialToken = "SpecialToken"
        case sequence = "Sequence"
      }
    }

    struct Name: Decodable {
      var id: String
    }

    struct SpecialToken: Decodable {
      var ids: [Int]
    }

    /// `["[CLS]", 101]`.
    struct NamedToken: Decodable {
      var id: Int

      init(from decoder: any Swift.Decoder) throws {
        var values = try decoder.unkeyedContainer()
        _ = try values.decode(String.self)
        id = try values.decode(Int.self)
      }
    }
  }
}

extension TokenizerJSON {
  /// The vocabulary of the model and the added tokens, which may or may not be in it already.
  func vocabulary(_ path: String) throws(InputError) -> Vocabulary {
    var entries = model.vocab.map { (token: $0.key, id: $0.value) }
    for added in addedTokens ?? [] {
      guard let id = model.vocab[added.content] else {
        entries.append((added.content, added.id))
        continue
      }
      guard id == added.id else {
        throw InputError(
          "\(path): added_tokens '\(added.content)'", found: "id \(added.id)", expected: "\(id), its id in model.vocab")
      }
    }
    return try Vocabulary(entries, subject: "\(path): model.vocab and added_tokens")
  }

  /// The special tokens around a text, as `post_processor` says.
  func template(_ path: String, _ vocabulary: Vocabulary) throws(InputError) -> SequenceTemplate {
    var template = SequenceTemplate()
    try postProcessor?.extend(&template, "\(path): post_processor")
    for id in template.prefix + template.suffix where vocabulary.bytes(of: id) == nil {
      throw InputError("\(path): post_processor", found: "id \(id)", expected: "an id of the vocabulary")
    }
    return template
  }
}

extension TokenizerJSON.PostProcessor {
  fileprivate func extend(_ template: inout SequenceTemplate, _ subject: String) throws(InputError) {
    switch type {
    case "ByteLevel": break
    case "Sequence":
      for processor in processors ?? [] { try processor.extend(&template, subject) }
    case "BertProcessing", "RobertaProcessing":
      guard let first, let last else {
        throw InputError(subject, found: "no cls or no sep", expected: "cls and sep, each as [\"token\", id]")
      }
      template.prefix.insert(first.id, at: 0)
      template.suffix.append(last.id)
    case "TemplateProcessing":
      let (prefix, suffix) = try templateIds(subject)
      template.prefix.insert(contentsOf: prefix, at: 0)
      template.suffix.append(contentsOf: suffix)
    default:
      throw InputError(
        "\(subject).type", found: "'\(type)'",
        expected: "TemplateProcessing, RobertaProcessing, BertProcessing, ByteLevel or Sequence")
    }
  }

  private func templateIds(_ subject: String) throws(InputError) -> (prefix: [Int], suffix: [Int]) {
    let pieces = single ?? []
    guard pieces.filter({ $0.sequence != nil }).count == 1 else {
      throw InputError(
        "\(subject).single", found: "not one Sequence", expected: "the text, once, between special tokens")
    }
    var parts: [[Int]] = [[]]
    for piece in pieces {
      if piece.sequence != nil {
        parts.append([])
      } else if let name = piece.specialToken?.id {
        guard let token = specialTokens?[name] else {
          throw InputError(
            "\(subject).special_tokens", found: "no '\(name)'", expected: "every token that single names")
        }
        parts[parts.count - 1] += token.ids
      }
    }
    return (parts[0], parts[1])
  }
}
