import Zeroth
import ZerothSupport

extension TaskFile {
  /// A completion: a prompt, and the text that has to follow it.
  func completion() throws(InputError) -> TextTask {
    let prompt = try requiredTemplate("prompt", default: "{prompt}")
    let completion = try requiredTemplate("completion", default: "{completion}")
    let answers = try string("answers")
    let columns = prompt.columns
    let group = try groups()
    var task = TextTask(
      name: try name, summary: try summary, kind: .generation,
      metrics: try metrics(.generation, usual: [.perplexity, .exactMatch, .answerF1]),
      prompt: { example in prompt.filled { example[$0] } },
      read: { record in
        guard record.hasText(columns) else {
          _ = try record.cells(columns)
          return []
        }
        var gold: [String] = []
        if !record.ignoresLabels {
          gold = [try completion.filled { try record.cell($0) }]
          guard record.hasText(completion.columns) else {
            throw record.error(
              completion.columns.joined(separator: ", "), found: "an empty text", expected: "a completion")
          }
          if let answers { gold += try record.cells(answers) }
        }
        return [
          Example(
            fields: try record.cells(columns), answers: gold, label: 0,
            splitKey: try record.key(group), source: record.source)
        ]
      })
    task.endsWithToken = try bool("ends", default: true)
    task.answerEnd = try answerEnd(texts: ["\n"], length: TextTask.maximalAnswerLength)
    task.isLabelled = { $0.hasText(completion.columns) }
    task.columns = (columns + completion.columns).map { [$0] }
    task.shownWithoutRow = shown(columns, answers: [completion.filled { "{\($0)}" }])
    return task
  }

  /// A chat: conversations.
  func chat() throws(InputError) -> TextTask {
    let column = try string("messages")
    let columns = column.map { [$0] } ?? ["messages", "conversations"]
    let group = try groups()
    var task = TextTask(
      name: try name, summary: try summary, kind: .chat,
      metrics: try metrics(.chat, usual: [.perplexity, .exactMatch, .answerF1]),
      prompt: { example in
        example.messages.dropLast().map { "\($0.role.rawValue): \($0.content)\n" }.joined() + "assistant: "
      },
      read: { record in
        let messages = try record.messages(columns)
        guard !messages.isEmpty else { return [] }
        var example = Example(
          fields: [:], label: 0,
          splitKey: try record.key(group)
            ?? messages.map { "\($0.role.rawValue)\u{1F}\($0.content)" }.joined(separator: "\u{1F}"),
          source: record.source)
        example.messages = messages
        return [example]
      })
    task.answerEnd = try answerEnd(texts: [], length: 128)
    task.columns = [columns]
    task.shownWithoutRow = Example(fields: [:], label: 0, source: source).with {
      $0.messages = [ChatMessage(.user, "{a message}"), ChatMessage(.assistant, "{its answer}")]
    }
    return task
  }

  /// Plain texts, without a prompt.
  func plainText() throws(InputError) -> TextTask {
    let text = try requiredTemplate("text", default: "{text}")
    let columns = text.columns
    let group = try groups()
    var task = TextTask(
      name: try name, summary: try summary, kind: .text,
      metrics: try metrics(.text, usual: [.perplexity, .bitsPerByte]),
      prompt: { $0["text"] },
      read: { record in
        guard record.hasText(columns) else {
          _ = try record.cells(columns)
          return []
        }
        return [
          Example(
            fields: ["text": try text.filled { try record.cell($0) }], label: 0,
            splitKey: try record.key(group), source: record.source)
        ]
      })
    task.plainRows = try choice("rows", PlainRows.allCases, default: .paragraphs)
    task.sequenceLength = try count("length") ?? 512
    task.columns = columns.map { [$0] }
    task.shownWithoutRow = Example(fields: ["text": text.filled { "{\($0)}" }], label: 0, source: source)
    return task
  }
}

extension Example {
  fileprivate func with(_ change: (inout Example) -> Void) -> Example {
    var example = self
    change(&example)
    return example
  }
}

extension Record {
  /// The turns of the conversation in the first of `columns` that exists: objects with `role` and `content`, or with
  /// `from` and `value`. Where labels are ignored, the assistant's last turn is left out.
  fileprivate func messages(_ columns: [String]) throws(InputError) -> [ChatMessage] {
    guard let column = columns.first(where: { value(at: $0) != nil }) else {
      throw error(
        columns.joined(separator: " or "), found: "no such field among \(fields.keys.sorted().joined(separator: ", "))",
        expected: "an array of messages")
    }
    guard let turns = value(at: column)?.elements else {
      throw error(column, found: value(at: column)?.kind ?? "nothing", expected: "an array of messages")
    }
    var messages: [ChatMessage] = []
    for (index, turn) in turns.enumerated() {
      let place = "\(column)[\(index)]"
      guard let name = (turn["role"] ?? turn["from"])?.string, let said = turn["content"] ?? turn["value"] else {
        throw error(place, found: turn.kind, expected: "an object with role and content, or from and value")
      }
      guard let role = Self.role(name) else {
        throw error("\(place): role", found: "'\(name.excerpt)'", expected: "system, user or assistant")
      }
      // A message with pictures has several parts. Only texts can be read.
      let parts = said.elements.map { $0.map { $0["type"]?.string == "text" ? $0["text"]?.string : nil } }
      guard let text = said.string ?? parts.flatMap({ $0.contains(nil) ? nil : $0.compactMap(\.self).joined() }) else {
        throw error("\(place): content", found: said.kind, expected: "a text")
      }
      guard !text.trimmed.isEmpty || role == .system else {
        throw error("\(place): content", found: "an empty text", expected: "what is said")
      }
      if role == .system, text.trimmed.isEmpty { continue }
      messages.append(ChatMessage(role, text))
    }
    if ignoresLabels { while messages.last?.role == .assistant { messages.removeLast() } }
    return messages
  }

  private static func role(_ name: String) -> ChatMessage.Role? {
    switch name {
    case "system": .system
    case "user", "human": .user
    case "assistant", "gpt", "model": .assistant
    default: nil
    }
  }
}
