/// When a generated answer ends: at a token that ends a text, at one of some texts, or after so many tokens.
public struct AnswerEnd: Sendable, Hashable {
  /// The most tokens, the one that ends it included.
  public var length: Int
  /// The answer ends in front of the first of these.
  public var texts: [String]
  /// Tokens that end a text beside those of the model, such as the one that a chat template puts behind a message.
  public var tokens: Set<Int> = []

  /// The end after `length` tokens or in front of one of `texts`.
  public init(length: Int = TextTask.maximalAnswerLength, texts: [String] = ["\n"]) {
    self.length = length
    self.texts = texts
  }

  /// This end, or the mark that `template` puts behind an answer: a token, or a text where it is no token of its own.
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
      // By bytes: a line end may be a half of a character.
      guard let place = text.utf8.firstRange(of: end.utf8)?.lowerBound else { continue }
      first = min(first ?? place, place)
    }
    return first.map { String(text[..<$0]) }
  }
}
