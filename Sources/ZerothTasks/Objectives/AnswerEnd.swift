/// When a generated answer ends: at a token that ends a text, in front of one of some texts, or after a number of
/// tokens.
public struct AnswerEnd: Sendable, Hashable {
  /// The most tokens, including the one that ends the answer.
  public var length: Int
  /// The answer ends in front of the first of these texts.
  public var texts: [String]
  /// Tokens that end an answer in addition to those of the model, such as the one that a chat template puts after a
  /// message.
  public var tokens: Set<Int> = []

  /// The end after `length` tokens or in front of one of `texts`.
  public init(length: Int = TextTask.maximalAnswerLength, texts: [String] = ["\n"]) {
    self.length = length
    self.texts = texts
  }

  /// This end, with the mark that `template` puts after an answer. The mark is added as a token, or as a text where it
  /// is not a token.
  func orMark(of template: ChatTemplate, encode: TextEncoder) -> AnswerEnd {
    var end = self
    let mark = template.answerEnd.trimmed
    let tokens = encode(mark, false)
    if tokens.count == 1 { end.tokens.formUnion(tokens) } else if !mark.isEmpty { end.texts.append(mark) }
    return end
  }

  /// `text` up to the first of `texts`; nil where none is in it.
  public func cut(_ text: String) -> String? {
    var first: String.Index?
    for end in texts {
      // The search is over bytes, because a line end may be only a part of a character.
      guard let place = text.utf8.firstRange(of: end.utf8)?.lowerBound else { continue }
      first = min(first ?? place, place)
    }
    return first.map { String(text[..<$0]) }
  }
}
