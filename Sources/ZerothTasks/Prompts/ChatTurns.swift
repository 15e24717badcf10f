import Zeroth
import ZerothSupport

/// A turn of a conversation.
public struct ChatMessage: Sendable, Hashable {
  /// The speaker of a turn.
  public enum Role: String, Sendable, CaseIterable {
    case system, user, assistant
  }

  /// The speaker.
  public var role: Role
  /// The text of the turn.
  public var content: String

  /// `content` by `role`.
  public init(_ role: Role, _ content: String) {
    self.role = role
    self.content = content
  }
}

extension ChatTemplate {
  /// The texts around the turns of a conversation.
  struct Turns: Sendable, Hashable {
    /// The place of a system message.
    enum System: Sendable, Hashable {
      /// In front of the first turn, between these two texts.
      case block(String, String)
      /// In front of the user's first or last message, between these two texts.
      case firstMessage(String, String)
      case lastMessage(String, String)
      /// None: the template has no place for it.
      case none
    }

    /// The text in front of the first turn where no system message is given.
    let lead: String
    let openUser, closeUser: String
    /// The text in front of the assistant's turn, and the text that ends the turn, which a model is trained to
    /// generate.
    let answer, end: String
    /// The text behind that end, where other turns follow.
    let after: String
    let system: System
    /// Whether white space at both ends of messages is removed.
    let trims: Bool
    /// The text in front of each of the user's turns but the first.
    let again: String

    init(
      lead: String, user: (open: String, close: String), answer: String, end: String, after: String, system: System,
      trims: Bool, again: String = ""
    ) {
      self.lead = lead
      (openUser, closeUser) = user
      (self.answer, self.end, self.after) = (answer, end, after)
      (self.system, self.trims, self.again) = (system, trims, again)
    }
  }

  /// A part of a conversation in the form in which the template writes it.
  struct Part: Sendable, Hashable {
    var text: String
    /// Whether the assistant says it; the end of the turn is included.
    var isAnswer: Bool
  }

  /// The text that ends the assistant's turns.
  public var answerEnd: String { turns.end }

  /// The token in front of the whole text, either as a token, or as a text where the tokenizer recognises it in a text.
  ///
  /// Throws `InputError` for one that does not exist in the tokenizer.
  func start(_ encode: TextEncoder, _ id: (String) -> Int?) throws(InputError) -> (tokens: [Int], text: String) {
    guard !start.isEmpty else { return ([], "") }
    guard let token = id(start) else {
      throw InputError(
        "chat template \(family.rawValue)", found: "'\(start.excerpt)', which is no token",
        expected: "a token of the tokenizer in front")
    }
    return encode(start, false) == [token] ? ([], start) : ([token], "")
  }

  /// The text in front of the first turn, behind the very first token: the system message of `messages`, the template's
  /// own, or nothing.
  func lead(of messages: [ChatMessage]) -> String {
    guard let system = messages.first, system.role == .system else { return turns.lead }
    guard case .block(let open, let close) = turns.system else { return "" }
    return open + content(system) + close
  }

  private func content(_ message: ChatMessage) -> String {
    turns.trims ? message.content.trimmed : message.content
  }

  /// `messages` in parts. Where `asks`, also the text in front of the answer that the model then generates.
  ///
  /// - Parameter subject: the name of the conversation in errors.
  /// - Throws: `InputError` for a system message where the template has no place for it or where it is not the first
  ///   message, and for turns that do not alternate where the template requires this.
  func parts(of messages: [ChatMessage], asks: Bool, subject: String) throws(InputError) -> [Part] {
    var parts = [Part(text: lead(of: messages), isAnswer: false)]
    var rest = messages[...]
    var first = ""
    var last = ""
    if let system = rest.first, system.role == .system {
      rest.removeFirst()
      switch turns.system {
      case .block: break
      case .firstMessage(let open, let close): first = open + system.content + close
      case .lastMessage(let open, let close): last = open + system.content + close
      case .none:
        throw InputError(
          subject, found: "a system message, for which the template of \(family.rawValue) has no place",
          expected: "messages of user and assistant")
      }
    }
    // A template with the system message in the last message puts it there only where that message is the user's.
    // Otherwise it leaves the system message out.
    let lastUser = rest.indices.last { rest[$0].role == .user && $0 == rest.endIndex - 1 }
    var isFirst = true
    for (index, message) in zip(rest.indices, rest) {
      switch message.role {
      case .system:
        throw InputError(subject, found: "a system message behind others", expected: "one in front, or none")
      case .user:
        let system = (isFirst ? first : "") + (index == lastUser ? last : "")
        // Llama 2 removes white space from the message together with the text in front of it, the others from the
        // message alone.
        let said =
          family == .llama2 && turns.trims ? (system + message.content).trimmed : system + content(message)
        let text = (isFirst ? "" : turns.again) + turns.openUser + said + turns.closeUser
        parts.append(Part(text: text, isAnswer: false))
        isFirst = false
      case .assistant:
        parts.append(Part(text: turns.answer, isAnswer: false))
        parts.append(Part(text: content(message) + turns.end, isAnswer: true))
        parts.append(Part(text: turns.after, isAnswer: false))
      }
    }
    if asks { parts.append(Part(text: turns.answer, isAnswer: false)) }
    // Nothing follows the last end, so a sequence ends with the last token that the model has to generate.
    if !asks, parts.last?.isAnswer == false, messages.last?.role == .assistant { parts.removeLast() }
    if family != .chatML, let wrong = zip(rest, rest.dropFirst()).first(where: { $0.role == $1.role }) {
      throw InputError(
        subject, found: "two messages of the \(wrong.0.role.rawValue) one behind the other",
        expected: "user and assistant in turn, as the template of \(family.rawValue) asks")
    }
    return parts
  }
}
