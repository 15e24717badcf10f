import Zeroth
import ZerothSupport

/// Converts conversations to tokens for a causal model, with its chat template.
///
/// **What is scored.** The text that the template makes is tokenised as a whole. The assistant's turns count in the
/// loss, each with the mark that ends it. A token that reaches across the beginning of a turn belongs to the turn.
///
/// **Length.** A conversation that is longer than the context loses its oldest exchanges, each from one message of the
/// user to the next. The system message stays. Of the last exchange, the user's message loses its beginning; where the
/// answer leaves no room for the message, the answer loses its end.
public struct ChatEncoder: Sendable {
  /// The most tokens of a conversation.
  public let contextLength: Int
  private let template: ChatTemplate
  private let end: AnswerEnd
  private let encode: TextEncoder
  private let start: (tokens: [Int], text: String)

  /// An encoder for a model of `contextLength` positions.
  ///
  /// - Parameters:
  ///   - template: the chat template, which gives the texts around messages.
  ///   - contextLength: the positions of the model.
  ///   - end: when generated answers end, in addition to the end that the template gives.
  ///   - encode: the tokenizer's `encode(_:addSpecialTokens:)`.
  ///   - id: the tokenizer's `id(of:)`.
  /// - Throws: `InputError` for a template whose first token does not exist in the tokenizer.
  public init(
    _ template: ChatTemplate, contextLength: Int, end: AnswerEnd, encode: @escaping TextEncoder,
    id: (String) -> Int?
  ) throws(InputError) {
    self.template = template
    self.contextLength = contextLength
    self.encode = encode
    self.end = end.orMark(of: template, encode: encode)
    start = try template.start(encode, id)
  }

  /// The conversation of `example` as a text in which the assistant's turns are scored. Throws an `InputError` that
  /// names its file and line.
  public func encode(_ example: Example) throws(InputError) -> EncodedText {
    guard example.messages.last?.role == .assistant else {
      throw InputError(
        "\(example.source)", found: "a conversation that does not end with the assistant",
        expected: "an answer at its end")
    }
    let fitted = try self.fitted(example, example.messages, asks: false, room: contextLength)
    var (tokens, cut) = (fitted.tokens, fitted.cut)
    if tokens.count > contextLength {
      cut.answer = tokens.count - contextLength
      tokens.removeLast(cut.answer)
    }
    let answers = example.messages.filter { $0.role == .assistant }
    var text = EncodedText(
      [LanguageModelingObjective.Sequence(tokens, scored: fitted.scored)],
      bytes: answers.reduce(0) { $0 + $1.content.utf8.count })
    text.cut = cut
    return text
  }

  /// The conversation up to the last answer, which the model then generates; the whole conversation where it ends with
  /// the user. Throws an `InputError` that names its file and line.
  public func question(_ example: Example) throws(InputError) -> EncodedQuestion {
    var messages = example.messages
    var answers: [String] = []
    if let last = messages.last, last.role == .assistant {
      answers = [last.content.trimmed]
      messages.removeLast()
    }
    guard messages.last?.role == .user else {
      throw InputError("\(example.source)", found: "no message to answer", expected: "one of the user at the end")
    }
    let room = contextLength - min(end.length, contextLength / 2)
    let (tokens, _, cut) = try fitted(example, messages, asks: true, room: room)
    guard tokens.count <= room else {
      throw InputError(
        "\(example.source)", found: "a chat whose marks alone take \(tokens.count) tokens",
        expected: "room for them, a message and an answer in \(contextLength) tokens")
    }
    var question = EncodedQuestion(prompt: tokens, answers: answers)
    question.end = end
    question.cut = cut
    return question
  }

  /// The tokens of `messages` and which of them are scored. As many of the oldest exchanges, and as much of the message
  /// in the last one, are left out as necessary.
  private func fitted(
    _ example: Example, _ messages: [ChatMessage], asks: Bool, room: Int
  ) throws(InputError) -> (tokens: [Int], scored: [Range<Int>], cut: PromptCut) {
    var messages = messages
    var cut = PromptCut()
    while true {
      let parts = try template.parts(of: messages, asks: asks, subject: "\(example.source)")
      var (tokens, scored) = self.tokens(of: parts)
      guard tokens.count > room else { return (tokens, scored, cut) }
      let users = messages.indices.filter { messages[$0].role == .user }
      if users.count > 1 {
        messages.removeSubrange(users[0]..<users[1])
        cut.exchanges += 1
        continue
      }
      // Only the message itself is cut: what stands in front of it stays, and so does what closes it.
      let open = start.text + template.lead(of: messages) + template.turns.openUser
      let kept =
        start.tokens.count + zip(encode(open, false), tokens.dropFirst(start.tokens.count)).prefix { $0 == $1 }.count
      let close = encode(template.turns.closeUser + template.turns.answer, false).count
      let message = (scored.first?.lowerBound ?? tokens.count) - close - kept
      let surplus = min(tokens.count - room, max(0, message))
      tokens.removeSubrange(kept..<(kept + surplus))
      scored = scored.map { ($0.lowerBound - surplus)..<($0.upperBound - surplus) }
      cut.tokens = surplus
      return (tokens, scored, cut)
    }
  }

  private func tokens(of parts: [ChatTemplate.Part]) -> (tokens: [Int], scored: [Range<Int>]) {
    let whole = encode(start.text + parts.map(\.text).joined(), false)
    var text = start.text
    var scored: [Range<Int>] = []
    for part in parts {
      let from = text
      text += part.text
      guard part.isAnswer else { continue }
      let first = Self.shared(encode(from, false), whole)
      let last = max(first, Self.shared(encode(text, false), whole))
      scored.append((start.tokens.count + first)..<(start.tokens.count + last))
    }
    return (start.tokens + whole, scored)
  }

  private static func shared(_ part: [Int], _ whole: [Int]) -> Int { zip(part, whole).prefix { $0 == $1 }.count }
}
