/// Converts text to token ids and back, exactly as the library that made the tokenizer's files.
///
/// A tokenizer is read from the folder of a checkpoint with ``loadTokenizer(directory:)``. The ids equal those of the
/// reference libraries (Hugging Face tokenizers, SentencePiece) for the same text. Truncation and padding are left to
/// the caller.
public protocol Tokenizer: Sendable {
  /// The ids of `text`.
  ///
  /// - Parameters:
  ///   - text: the text.
  ///   - addSpecialTokens: whether to add the special tokens that the model expects around a text, such as OPT's `</s>`
  ///     in front, or BERT's `[CLS]` and `[SEP]`.
  func encode(_ text: String, addSpecialTokens: Bool) -> [Int]

  /// The text that `ids` stand for. As in the reference, ids outside the vocabulary are left out, and bytes that are
  /// not UTF-8 become U+FFFD.
  ///
  /// - Parameters:
  ///   - ids: the tokens.
  ///   - skipSpecialTokens: whether to leave out tokens such as `</s>` instead of spelling them.
  func decode(_ ids: [Int], skipSpecialTokens: Bool) -> String

  /// The id of a token in the spelling of the vocabulary: the word " the" is `Ġthe` in a byte-level vocabulary and
  /// `▁the` in one of SentencePiece. Nil where there is none.
  func id(of token: String) -> Int?

  /// The spelling of the token with this id in the vocabulary; nil outside the vocabulary.
  func token(of id: Int) -> String?

  /// One more than the highest id, added tokens included; a few ids below it may have no token.
  var vocabularySize: Int { get }
}

extension Tokenizer {
  /// The ids of `text`, with the special tokens around it that the model expects.
  public func encode(_ text: String) -> [Int] { encode(text, addSpecialTokens: true) }

  /// The text that `ids` stand for, without special tokens.
  public func decode(_ ids: [Int]) -> String { decode(ids, skipSpecialTokens: true) }
}
