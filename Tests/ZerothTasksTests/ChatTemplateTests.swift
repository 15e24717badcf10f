import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothSupport

@testable import ZerothTasks

/// Templates of the known families against what Jinja makes of them (`Tests/Fixtures/chat/make.py`), and how prompts are
/// wrapped in them.
@Suite struct ChatTemplateTests {
  struct Fixture: Decodable {
    struct Known: Decodable {
      var family: String
      var template: String
      /// The user's message, and what the answer then begins after.
      var asked: String
      /// The same with the answer, and what follows it.
      var answered: String
    }

    var known: [Known]
    var unknown: [String]
  }

  static let fixture = Result {
    try JSONDecoder().decode(
      Fixture.self, from: Data(contentsOf: URL(fileURLWithPath: SharedMaterial.fixture("chat/cases.json"))))
  }

  private func template(_ text: String) throws -> ChatTemplate {
    try ChatTemplate(recognizing: text, bos: "<s>", eos: "</s>", subject: "chat_template")
  }

  @Test func knownTemplatesGiveWhatJinjaDoes() throws {
    let known = try Self.fixture.get().known
    #expect(Set(known.map(\.family)) == Set(ChatTemplate.Family.allCases.map(\.rawValue)))
    for expected in known {
      let chat = try template(expected.template)
      #expect(chat.family.rawValue == expected.family)
      let asked = chat.start + chat.head + "MESSAGE" + chat.tail
      // What a template puts in front of its own answer alone belongs to the answer's turn.
      #expect(asked.hasPrefix(expected.asked), "\(asked.debugDescription)")
      #expect(expected.answered.hasPrefix(asked + "ANSWER"), "\(asked.debugDescription)")
    }
  }

  @Test func unknownTemplatesAreRefused() throws {
    for text in try Self.fixture.get().unknown {
      let error = try #require(throws: InputError.self, "\(text)") { try template(text) }
      #expect(error.subject == "chat_template" && error.expected.contains("ChatML"), "\(error)")
    }
  }

  @Test func templatesAreFoundInTheCheckpoint() throws {
    let chatML = "{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>' }}"
    let gemma = "{{ bos_token }}{{ '<start_of_turn>' + m.role }}"
    func config(_ template: JSON) -> Data {
      let json: JSON = ["chat_template": template, "bos_token": ["content": "<bos>"], "eos_token": "<eos>"]
      return Data(json.description.utf8)
    }
    try withTokenizerFolder(["tokenizer_config.json": config(.string(gemma))]) { folder in
      let chat = try loadChatTemplate(directory: folder)
      #expect(chat.family == .gemma && chat.start == "<bos>")
    }
    let several: JSON = [
      ["name": "tool_use", "template": .string(gemma)], ["name": "default", "template": .string(chatML)],
    ]
    try withTokenizerFolder(["tokenizer_config.json": config(several)]) { folder in
      let chat = try loadChatTemplate(directory: folder)
      #expect(chat.family == .chatML)
    }
    // The file of its own goes before.
    let files = ["tokenizer_config.json": config(.string(chatML)), "chat_template.jinja": Data(gemma.utf8)]
    try withTokenizerFolder(files) { folder in
      let chat = try loadChatTemplate(directory: folder)
      #expect(chat.family == .gemma)
    }
    let bad: [[String: Data]] = [
      [:], ["tokenizer_config.json": config(7)], ["chat_template.jinja": Data([0xFF])],
    ]
    for files in bad {
      try withTokenizerFolder(files) { folder in
        #expect(throws: InputError.self) { try loadChatTemplate(directory: folder) }
      }
    }
  }

  // MARK: Prompts

  /// A character is a token: its scalar.
  private static let encode: TextEncoder = { text, special in
    (special ? [0x24] : []) + text.unicodeScalars.map { Int($0.value) }
  }

  private static func text(_ tokens: [Int]) -> String {
    String(String.UnicodeScalarView(tokens.compactMap { Unicode.Scalar(UInt32($0)) }))
  }

  private func encoder(_ chat: ChatTemplate, _ task: TextTask = .sst2, length: Int = 1000) throws -> PromptEncoder {
    try PromptEncoder(task: task, contextLength: length, chat: chat, encode: Self.encode) { $0 == "<s>" ? 7 : nil }
  }

  private func sentence(_ text: String) -> Example {
    Example(fields: ["sentence": text], label: 1, source: Source(file: "train.txt", line: 7))
  }

  @Test func promptsAreTheUsersMessage() throws {
    let chatML = try template(#"{{ '<|im_start|>' + role + '\n' + content + '<|im_end|>' }}"#)
    let encoded = try encoder(chatML).encode(sentence("so good"))
    #expect(
      Self.text(encoded.prompt) == "<|im_start|>user\nso good It was<|im_end|>\n<|im_start|>assistant\n")
    #expect(encoded.candidates.map(Self.text) == ["terrible", "great"])
    // The token in front is no text of this tokenizer's, and the tokenizer's own is not put there again.
    let llama = try template("{{ bos_token + '[INST] ' + content + '[/INST]' }}{{ ' ' + content }}")
    let second = try encoder(llama).encode(sentence("so good"))
    #expect(second.prompt.first == 7)
    #expect(Self.text(Array(second.prompt.dropFirst())) == "[INST] so good It was[/INST]")
    #expect(second.candidates.map(Self.text) == [" terrible", " great"])
    let demonstrated = try encoder(chatML).encode(sentence("b"), demonstrations: [sentence("a")])
    #expect(Self.text(demonstrated.prompt).contains("user\na It was great\n\nb It was<|im_end|>"))
  }

  @Test func theMessageAloneIsCut() throws {
    let chatML = try template(#"{{ '<|im_start|>' + role + '\n' + content + '<|im_end|>' }}"#)
    let around = "<|im_start|>user\n".count + "<|im_end|>\n<|im_start|>assistant\n".count
    let short = try encoder(chatML, length: around + 8 + 6).encode(sentence("a long sentence"))
    #expect(Self.text(short.prompt) == "<|im_start|>user\nIt was<|im_end|>\n<|im_start|>assistant\n")
    #expect(short.cut.tokens == "a long sentence ".count)
    let error = try #require(throws: InputError.self) {
      try encoder(chatML, length: around + 7).encode(sentence("a long sentence"))
    }
    #expect(error.subject == "train.txt line 7" && error.expected.contains("\(around + 7) tokens"), "\(error)")
  }

  @Test func aFirstTokenThatIsNoneIsRefused() throws {
    let chat = try ChatTemplate(
      recognizing: "{{ bos_token }}<start_of_turn>", bos: "<bos>", eos: "", subject: "chat_template")
    let error = try #require(throws: InputError.self) { try encoder(chat) }
    #expect(error.found.contains("'<bos>'"), "\(error)")
  }
}
