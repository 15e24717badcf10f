import Zeroth
import ZerothSupport

/// A turn of a conversation.
public struct ChatMessage: Sendable, Hashable {
  /// Who says it.
  public enum Role: String, Sendable, CaseIterable {
    case system, user, assistant
  }

  /// Who says it.
  public var role: Role
  /// What is said.
  public var content: String

  /// `content` by `role`.
  public init(_ role: Role, _ content: String) {
    self.role = role
    self.content = content
  }
}

extension ChatTemplate {
  /// What stands around the turns of a conversation.
  struct Turns: Sendable, Hashable {
    /// Where a system message goes.
    enum System: Sendable, Hashable {
      /// In front, between the two.
      case block(String, String)
      /// In front of the user's first or last message, between the two.
      case firstMessage(String, String)
      case lastMessage(String, String)
      /// Nowhere: the template has none.
      case none
    }

    /// What is in front of the first turn where no system message is given.
    let lead: String
    let openUser, closeUser: String
    /// In front of the assistant's turn, and what ends it: a model is trained to say that.
    let answer, end: String
    /// Behind that end, where other turns follow.
    let after: String
    let system: System
    /// Whether messages lose the white space at their ends.
    let trims: Bool
    /// In front of each of the user's turns but the first.
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

  /// A part of a conversation as the template writes it.
  struct Part: Sendable, Hashable {
    var text: String
    /// Whether the assistant says it, its end included.
    var isAnswer: Bool
  }

  /// The text that ends the assistant's turns.
  public var answerEnd: String { turns.end }

  /// The token in front of everything: as a token, or as a text where the tokenizer finds it in a text.
  ///
  /// Throws `InputError` for one that is no token of the tokenizer.
  func start(_ encode: TextEncoder, _ id: (String) -> Int?) throws(InputError) -> (tokens: [Int], text: String) {
    guard !start.isEmpty else { return ([], "") }
    guard let token = id(start) else {
      throw InputError(
        "chat template \(family.rawValue)", found: "'\(start.excerpt)', which is no token",
        expected: "a token of the tokenizer in front")
    }
    return encode(start, false) == [token] ? ([], start) : ([token], "")
  }

  /// What is in front of the first turn, behind the token in front of everything: the system message of `messages`, the
  /// template's own, or nothing.
  func lead(of messages: [ChatMessage]) -> String {
    guard let system = messages.first, system.role == .system else { return turns.lead }
    guard case .block(let open, let close) = turns.system else { return "" }
    return open + content(system) + close
  }

  private func content(_ message: ChatMessage) -> String {
    turns.trims ? message.content.trimmed : message.content
  }

  /// `messages` in parts, and what is in front of the answer that follows where `asks`.
  ///
  /// - Parameter subject: names the conversation in errors.
  /// - Throws: `InputError` for a system message that the template has no place for, or that is not the first; and for turns
  ///   that do not alternate where the template asks that of them.
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
    // Such a template looks at the last message alone, and is silent where the assistant has that.
    let lastUser = rest.indices.last { rest[$0].role == .user && $0 == rest.endIndex - 1 }
    var isFirst = true
    for (index, message) in zip(rest.indices, rest) {
      switch message.role {
      case .system:
        throw InputError(subject, found: "a system message behind others", expected: "one in front, or none")
      case .user:
        let system = (isFirst ? first : "") + (index == lastUser ? last : "")
        // Llama 2 trims the message with what it puts in front, the others the message alone.
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
    // Nothing follows the last end, so that a sequence ends with what the model is to say last.
    if !asks, parts.last?.isAnswer == false, messages.last?.role == .assistant { parts.removeLast() }
    if family != .chatML, let wrong = zip(rest, rest.dropFirst()).first(where: { $0.role == $1.role }) {
      throw InputError(
        subject, found: "two messages of the \(wrong.0.role.rawValue) one behind the other",
        expected: "user and assistant in turn, as the template of \(family.rawValue) asks")
    }
    return parts
  }
}
