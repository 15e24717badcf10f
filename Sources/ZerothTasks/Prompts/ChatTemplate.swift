import Foundation
import ZerothSupport

/// The texts around a user's message and in front of the answer with which an instruct model was trained.
///
/// Checkpoints contain these texts as a template in Jinja, a language that is not interpreted here. Instead, the family
/// of a template is recognised by what the template contains, and the known texts of this family are used. Templates of
/// one family differ in a few things (a system message of their own, spaces, the token in front), and these are read
/// from the template. A template of an unknown family is refused.
public struct ChatTemplate: Sendable, Hashable {
  /// The known families, by name.
  public enum Family: String, Sendable, CaseIterable {
    case chatML = "ChatML"
    case llama3 = "Llama 3"
    case gemma = "Gemma"
    case mistral = "Mistral"
    case llama2 = "Llama 2"
    case phi3 = "Phi-3"
    case zephyr = "Zephyr"
  }

  /// The family.
  public let family: Family
  /// The token in front of the whole text, such as `<s>`; empty where there is none.
  public let start: String
  /// The text from there to the user's message. It contains the template's own system message, which is used where none
  /// is given.
  public let head: String
  /// The text between the user's message and the answer.
  public let tail: String
  /// The texts around the turns of a conversation.
  let turns: Turns

  /// The template that is recognised in `template`.
  ///
  /// - Parameters:
  ///   - template: the Jinja template of a checkpoint.
  ///   - bos: the token in front of a text; empty where the checkpoint has none.
  ///   - eos: the token behind a message; empty where the checkpoint has none.
  ///   - subject: the file and field of the template, for messages of errors.
  /// - Throws: `InputError` for a template of an unknown family, and for one with a feature that is not supported.
  public init(recognizing template: String, bos: String, eos: String, subject: String) throws(InputError) {
    // Most files write a line end as an escape within the strings of Jinja.
    let text = Source(text: template.replacingOccurrences(of: "\\n", with: "\n"), subject: subject)
    start = text.has("bos_token") ? bos : ""
    let trims = ["| trim", "|trim", ".strip()"].contains(where: text.has)
    if text.has("<|im_start|>"), text.has("<|im_end|>"), !text.has("<|im_sep|>") {
      family = .chatML
      try text.refuse("strftime_now", because: "the date of the day in the system message")
      try text.refuse("<|im_start|>assistant\n<think>", because: "a thought that begins before every answer")
      let system = try text.literalSystemMessage(after: "<|im_start|>system\n", before: "<|im_end|>")
      let lead = system.map { "<|im_start|>system\n\($0)<|im_end|>\n" } ?? ""
      head = lead + "<|im_start|>user\n"
      tail = "<|im_end|>\n<|im_start|>assistant\n"
      turns = Turns(
        lead: lead, user: ("<|im_start|>user\n", "<|im_end|>\n"), answer: "<|im_start|>assistant\n", end: "<|im_end|>",
        after: "\n", system: .block("<|im_start|>system\n", "<|im_end|>\n"), trims: trims)
    } else if text.has("<|start_header_id|>"), text.has("<|eot_id|>") {
      family = .llama3
      func header(_ role: String) -> String { "<|start_header_id|>\(role)<|end_header_id|>\n\n" }
      let date = text.assigned("date_string") ?? "26 Jul 2024"
      // The template writes the current date if it is given one. Without it the date is a fixed text in the template,
      // and that is used.
      let system =
        text.has("Cutting Knowledge Date: December 2023")
        ? "\(header("system"))Cutting Knowledge Date: December 2023\nToday Date: \(date)\n\n<|eot_id|>" : ""
      head = system + header("user")
      tail = "<|eot_id|>" + header("assistant")
      let openSystem = system.isEmpty ? header("system") : String(system.dropLast("<|eot_id|>".count))
      turns = Turns(
        lead: system, user: (header("user"), "<|eot_id|>"), answer: header("assistant"), end: "<|eot_id|>", after: "",
        system: .block(openSystem, "<|eot_id|>"), trims: trims)
    } else if text.has("<start_of_turn>") {
      family = .gemma
      head = "<start_of_turn>user\n"
      tail = "<end_of_turn>\n<start_of_turn>model\n"
      turns = Turns(
        lead: "", user: (head, "<end_of_turn>\n"), answer: "<start_of_turn>model\n", end: "<end_of_turn>", after: "\n",
        system: text.has("first_user_prefix") ? .firstMessage("", "\n\n") : .none, trims: trims)
    } else if text.has("[INST]") {
      try text.refuse("[SYSTEM_PROMPT]", because: "a system message with a mark of its own")
      family = text.has("<<SYS>>") ? .llama2 : .mistral
      let isSpaced = ["' [INST] '", "\" [INST] \""].contains(where: text.has)
      head = (isSpaced ? " " : "") + (text.has("[INST] ") ? "[INST] " : "[INST]")
      let answersAfterSpace = ["' ' + ", "\" \" + ", "' '  + "].contains { space in
        ["message['content']", "message[\"content\"]", "message.content", "content"].contains { text.has(space + $0) }
      }
      let close = text.has(" [/INST]") ? " [/INST]" : "[/INST]"
      tail = close + (answersAfterSpace ? " " : "")
      let isLlama = family == .llama2
      let isLast = text.has("loop.last and system_message")
      let system: Turns.System =
        isLlama
        ? .firstMessage("<<SYS>>\n", "\n<</SYS>>\n\n")
        : isLast
          ? .lastMessage("", "\n\n") : text.has("loop.first and system_message") ? .firstMessage("", "\n\n") : .none
      let endsAfterSpace = ["' ' + eos_token", "\" \" + eos_token"].contains(where: text.has)
      let goesOnAfterSpace = ["eos_token + ' '", "eos_token + \" \""].contains(where: text.has)
      turns = Turns(
        lead: "", user: (head, close), answer: answersAfterSpace ? " " : "", end: (endsAfterSpace ? " " : "") + eos,
        after: goesOnAfterSpace ? " " : "", system: system, trims: trims, again: isLlama ? start : "")
    } else if text.has("<|end|>"), text.has("<|assistant|>\n") || text.has("'<|assistant|>' + '\n'") {
      family = .phi3
      head = "<|user|>\n"
      tail = "<|end|>\n<|assistant|>\n"
      let takesSystem = text.has("<|system|>") || text.has("'<|' + message['role']") || text.has("'<|' + message.role")
      turns = Turns(
        lead: "", user: (head, "<|end|>\n"), answer: "<|assistant|>\n", end: "<|end|>", after: "\n",
        system: takesSystem ? .block("<|system|>\n", "<|end|>\n") : .none, trims: trims)
    } else if text.has("<|user|>\n"), text.has("<|assistant|>"), text.has("eos_token") {
      family = .zephyr
      head = "<|user|>\n"
      tail = "\(eos)\n<|assistant|>\n"
      turns = Turns(
        lead: "", user: (head, "\(eos)\n"), answer: "<|assistant|>\n", end: eos, after: "\n",
        system: text.has("<|system|>") ? .block("<|system|>\n", "\(eos)\n") : .none, trims: trims)
    } else {
      throw text.unknown("a template that begins '\(template.trimmed.excerpt)'")
    }
  }

  /// The texts of the template, by which two runs can be compared.
  public var content: [String] { [family.rawValue, start, head, tail] }

  /// The texts of the template for conversations, by which two runs can be compared.
  public var contentOfTurns: [String] {
    content + [turns.lead, turns.openUser, turns.closeUser, turns.answer, turns.end, turns.after, turns.again]
      + ["\(turns.trims)", "\(turns.system)"]
  }

  /// The text of a template, and the searches in it.
  private struct Source {
    let text: String
    let subject: String

    func has(_ part: String) -> Bool { text.utf8Contains(part) }

    func unknown(_ found: String) -> InputError {
      InputError(
        subject, found: found,
        expected: "one of \(Family.allCases.map(\.rawValue).joined(separator: ", ")), or no chat (task.chat = false)")
    }

    func refuse(_ part: String, because found: String) throws(InputError) {
      if has(part) { throw unknown("a template with \(found)") }
    }

    /// The system message that stands in one of the template's strings, with the marks around it; nil where there is
    /// none. Throws `InputError` where the message is composed from parts.
    func literalSystemMessage(after mark: String, before end: String) throws(InputError) -> String? {
      for place in text.ranges(of: mark) {
        guard place.lowerBound > text.startIndex else { continue }
        let quote = text[text.index(before: place.lowerBound)]
        guard quote == "'" || quote == "\"" else { continue }
        let literal = text[place.upperBound...].prefix { $0 != quote }
        if let close = literal.ranges(of: end).first { return String(literal[..<close.lowerBound]) }
        guard literal.isEmpty else { throw unknown("a template whose system message is put together from parts") }
      }
      return nil
    }

    /// The text that the template assigns to a variable; nil where it assigns none.
    func assigned(_ variable: String) -> String? {
      guard let place = text.ranges(of: "\(variable) = \"").first else { return nil }
      return String(text[place.upperBound...].prefix { $0 != "\"" })
    }
  }
}

extension String {
  /// Whether the string contains `part`, compared by bytes.
  fileprivate func utf8Contains(_ part: String) -> Bool { !utf8.ranges(of: part.utf8).isEmpty }
}

/// The chat template of the checkpoint in `directory`: that of `chat_template.jinja`, or `chat_template` of
/// `tokenizer_config.json`. Where that has several, the one called `default` is used.
///
/// Throws `InputError` where there is none, and for one of an unknown family.
public func loadChatTemplate(directory: String) throws(InputError) -> ChatTemplate {
  let folder = try TokenizerFolder(path: directory)
  let (bos, eos) = (try folder.specialToken("bos_token"), try folder.specialToken("eos_token"))
  if folder.has("chat_template.jinja") {
    let file = folder.file("chat_template.jinja")
    guard let text = String(validating: try TokenizerFiles.bytes(file), as: UTF8.self) else {
      throw InputError(file, found: "bytes that are not UTF-8", expected: "UTF-8 text")
    }
    return try ChatTemplate(recognizing: text, bos: bos, eos: eos, subject: file)
  }
  guard let config = folder.config, let value = config.value("chat_template") else {
    throw InputError(
      directory, found: "no chat template",
      expected: "chat_template.jinja or chat_template in tokenizer_config.json, or no chat (task.chat = false)")
  }
  let subject = config.subject(of: "chat_template")
  let named = value.elements?.first { $0["name"]?.string == "default" }?["template"]
  guard let text = value.string ?? named?.string else {
    throw InputError(subject, found: value.summary, expected: "a template, or several of which one is called default")
  }
  return try ChatTemplate(recognizing: text, bos: bos, eos: eos, subject: subject)
}

extension TokenizerFolder {
  /// A special token of `tokenizer_config.json`, given as a text or as an object with `content`; empty where there is
  /// none.
  fileprivate func specialToken(_ key: String) throws(InputError) -> String {
    guard let value = config?.value(key) else { return "" }
    guard let token = value.string ?? value["content"]?.string else {
      throw InputError(config?.subject(of: key) ?? key, found: value.summary, expected: "a token")
    }
    return token
  }
}
