/// A tokenizer that is composed of parts, as its file says. A text is cut at added tokens, normalised, and cut into
/// words. A model cuts the words into tokens, and special tokens are put around them. For decoding, the spelling of the
/// tokens is undone part by part.
struct ComposedTokenizer: Tokenizer {
  private let vocabulary: Vocabulary
  private let model: any TokenModel
  private var parts: Parts
  private let specialIds: Set<Int>
  private let rawTokens: AddedTokenSplitter
  private let normalizedTokens: AddedTokenSplitter

  /// All parts except the model.
  struct Parts: Sendable {
    var normalizers: [any Normalizer] = []
    var preTokenizers: [any PreTokenizer] = []
    var template = SequenceTemplate()
    /// Nil where tokens are decoded as they are spelt, with a space between them.
    var decoders: [any TokenDecoder]? = []
    /// Ids that are decoded to another text than their token.
    var surfaces: [Int: [UInt8]] = [:]
  }

  /// The number of ids: one more than the highest.
  var vocabularySize: Int { vocabulary.count }

  /// - Parameters:
  ///   - vocabulary: the tokens of the model, and the added ones.
  ///   - addedTokens: the added tokens, each with its id in `vocabulary`.
  ///   - pieces: tokens that are recognised in the normalised text, with their own spelling.
  ///   - specialIds: ids that `decode` leaves out, in addition to those of added tokens.
  init(
    vocabulary: Vocabulary, model: any TokenModel, addedTokens: [AddedToken], pieces: [AddedToken] = [],
    specialIds: [Int] = [], parts: Parts
  ) {
    self.vocabulary = vocabulary
    self.model = model
    self.specialIds = Set(addedTokens.filter(\.isSpecial).map(\.id) + specialIds)
    rawTokens = AddedTokenSplitter(addedTokens.filter { !$0.isNormalized })
    let normalized = addedTokens.filter(\.isNormalized).map { token in
      var token = token
      token.content = String(decoding: parts.normalizers.normalize(Array(token.content.utf8)), as: UTF8.self)
      return token
    }
    normalizedTokens = AddedTokenSplitter(pieces + normalized)
    self.parts = parts
    // A token that was searched in the normalised text is decoded to its normalised spelling, as in the reference. A
    // special token keeps its own spelling.
    for token in normalized where !token.isSpecial && parts.surfaces[token.id] == nil {
      self.parts.surfaces[token.id] = Array(token.content.utf8)
    }
  }

  func encode(_ text: String, addSpecialTokens: Bool) -> [Int] {
    var pieces = Pieces(Array(text.utf8))
    if !rawTokens.isEmpty { pieces.cut { rawTokens.cut($0, $1, into: &$2) } }
    for normalizer in parts.normalizers { normalizer.rewrite(&pieces) }
    if !normalizedTokens.isEmpty { pieces.cut { normalizedTokens.cut($0, $1, into: &$2) } }
    for preTokenizer in parts.preTokenizers { preTokenizer.cut(&pieces) }
    var ids = addSpecialTokens ? parts.template.prefix : []
    ids.reserveCapacity(pieces.text.count / 3 + 8)
    model.appendTokens(of: pieces, onto: &ids)
    if addSpecialTokens { ids += parts.template.suffix }
    return ids
  }

  func decode(_ ids: [Int], skipSpecialTokens: Bool) -> String {
    var tokens: [[UInt8]] = []
    tokens.reserveCapacity(ids.count)
    for id in ids where !(skipSpecialTokens && specialIds.contains(id)) {
      if let token = parts.surfaces[id] ?? vocabulary.bytes(of: id) { tokens.append(token) }
    }
    guard let decoders = parts.decoders else {
      return String(decoding: Array(tokens.joined(separator: [0x20])), as: UTF8.self)
    }
    for decoder in decoders { tokens = decoder.decode(tokens) }
    return String(decoding: Array(tokens.joined()), as: UTF8.self)
  }

  func id(of token: String) -> Int? { vocabulary.id(of: token) }

  func token(of id: Int) -> String? { vocabulary.token(of: id) }
}
