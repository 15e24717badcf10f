/// Text to token ids and back, exactly as the library that made the tokenizer's files does it.
///
/// Get one from a checkpoint's folder with ``loadTokenizer(directory:)``. Ids equal those of the reference libraries
/// (Hugging Face tokenizers, SentencePiece) on the same text; truncation and padding are left to the caller.
public protocol Tokenizer: Sendable {
  /// The ids of `text`.
  ///
  /// - Parameters:
  ///   - text: the text.
  ///   - addSpecialTokens: whether to add what the model expects around a text, such as OPT's `</s>` in
  ///     front or BERT's `[CLS]` and `[SEP]`.
  func encode(_ text: String, addSpecialTokens: Bool) -> [Int]

  /// The text that `ids` stand for. Ids outside the vocabulary are left out, and bytes that are not UTF-8 become
  /// U+FFFD, both as the reference does.
  ///
  /// - Parameters:
  ///   - ids: the tokens.
  ///   - skipSpecialTokens: whether to leave out tokens such as `</s>` instead of spelling them.
  func decode(_ ids: [Int], skipSpecialTokens: Bool) -> String

  /// The id of a token, spelt as in the vocabulary: the word " the" is `Ġthe` in a byte-level vocabulary and `▁the`
  /// in one of SentencePiece. Nil when there is none.
  func id(of token: String) -> Int?

  /// The vocabulary's spelling of an id; nil outside the vocabulary.
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
