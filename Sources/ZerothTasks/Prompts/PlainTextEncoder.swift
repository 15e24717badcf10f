import Zeroth

/// Converts plain texts to sequences for a causal model, so that every token but the first is predicted once.
///
/// A text is preceded by the special tokens of the tokenizer, and followed by the token that ends a text. Where it is
/// longer than a sequence, it continues in the next one, which begins with the last token of the one before. For
/// training, texts are packed: they stand one behind the other, so a sequence may contain several texts and may end
/// within one.
public struct PlainTextEncoder: Sendable {
  /// The most tokens of a sequence.
  public let length: Int
  private let encode: TextEncoder
  private let prefix: [Int]
  private let end: [Int]

  /// An encoder for sequences of `length` tokens, at least 2. The tokens `end` end a text.
  public init(length: Int, end: [Int], encode: @escaping TextEncoder) {
    self.length = max(2, length)
    self.end = end
    self.encode = encode
    prefix = SpecialTokens(of: encode).prefix
  }

  /// The tokens of `text` alone.
  ///
  /// Without a special token in front, the first token of a text is not predicted. Its bytes, which `spelled` gives,
  /// are then not counted.
  public func encode(_ text: String, spelled: ([Int]) -> String) -> EncodedText {
    let tokens = tokens(of: text)
    let unscored = prefix.isEmpty ? spelled(Array(tokens.prefix(1))).utf8.count : 0
    return EncodedText(sequences(tokens), bytes: max(0, text.utf8.count - unscored))
  }

  /// `texts` in their order, packed into sequences.
  public func packed(_ texts: [String]) -> [LanguageModelingObjective.Sequence] {
    sequences(texts.flatMap(tokens(of:)))
  }

  private func tokens(of text: String) -> [Int] { prefix + encode(text, false) + end }

  private func sequences(_ tokens: [Int]) -> [LanguageModelingObjective.Sequence] {
    stride(from: 0, to: max(0, tokens.count - 1), by: length - 1).map { first in
      LanguageModelingObjective.Sequence(Array(tokens[first..<min(first + length, tokens.count)]))
    }
  }
}
