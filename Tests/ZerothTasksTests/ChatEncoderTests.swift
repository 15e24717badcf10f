import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothSupport

@testable import ZerothTasks

/// Conversations as the templates write them, against Jinja (`Tests/Fixtures/chat/make.py`), and what of them is scored.
@Suite struct ChatEncoderTests {
  struct Fixture: Decodable {
    struct Message: Decodable {
      var role, content: String
    }
    struct Conversation: Decodable {
      var family, template, text: String
      var takesSystem: Bool
      var messages: [Message]
    }
    var conversations: [Conversation]
  }

  static let conversations = Result {
    try JSONDecoder().decode(
      Fixture.self, from: Data(contentsOf: URL(fileURLWithPath: SharedMaterial.fixture("chat/cases.json")))
    ).conversations
  }

  private func template(_ text: String) throws -> ChatTemplate {
    try ChatTemplate(recognizing: text, bos: "<s>", eos: "</s>", subject: "chat_template")
  }

  @Test func conversationsAreWhatJinjaMakesOfThem() throws {
    let all = try Self.conversations.get()
    #expect(Set(all.map(\.family)) == Set(ChatTemplate.Family.allCases.map(\.rawValue)))
    for expected in all {
      let chat = try template(expected.template)
      #expect(chat.family.rawValue == expected.family)
      let messages = try expected.messages.map {
        ChatMessage(try #require(ChatMessage.Role(rawValue: $0.role)), $0.content)
      }
      let parts = try chat.parts(of: messages, asks: false, subject: "row")
      let text = chat.start + parts.map(\.text).joined()
      // What follows the last end is no part of what is said.
      #expect(expected.text.hasPrefix(text), "\(expected.family): \(text.debugDescription)")
      let rest = expected.text.dropFirst(text.count)
      #expect(rest.allSatisfy { $0.isWhitespace }, "\(expected.text.debugDescription)")
      let answers = parts.filter(\.isAnswer).map(\.text)
      #expect(answers.count == 2 && answers[1].hasPrefix("Four.") && answers[1].hasSuffix(chat.answerEnd))
      if !expected.takesSystem {
        let error = inputError {
          _ = try chat.parts(of: [.init(.system, "s")] + messages, asks: false, subject: "row 3")
        }
        #expect(error?.subject == "row 3", "\(expected.family)")
      }
    }
  }

  /// A character is a token: its scalar.
  private static let encode: TextEncoder = { text, special in
    (special ? [0x24] : []) + text.unicodeScalars.map { Int($0.value) }
  }

  private static func text(_ tokens: some Sequence<Int>) -> String {
    String(String.UnicodeScalarView(tokens.compactMap { Unicode.Scalar(UInt32($0)) }))
  }

  private static let chatML = #"{{ '<|im_start|>' + role + '\n' + content + '<|im_end|>' }}"#

  private func encoder(_ length: Int = 1000) throws -> ChatEncoder {
    try ChatEncoder(
      template(Self.chatML), contextLength: length, end: AnswerEnd(length: 10, texts: []), encode: Self.encode,
      id: { _ in nil })
  }

  private func example(_ messages: [ChatMessage]) -> Example {
    var example = Example(fields: [:], label: 0, source: Source(file: "chats.jsonl", line: 4))
    example.messages = messages
    return example
  }

  private static let turns: [ChatMessage] = [
    .init(.system, "Be."), .init(.user, "One?"), .init(.assistant, "Two."), .init(.user, "Three?"),
    .init(.assistant, "Four."),
  ]

  @Test func theAssistantsTurnsAloneAreScored() throws {
    let encoded = try encoder().encode(example(Self.turns))
    let sequence = try #require(encoded.sequences.first)
    #expect(
      Self.text(sequence.tokens)
        == "<|im_start|>system\nBe.<|im_end|>\n<|im_start|>user\nOne?<|im_end|>\n<|im_start|>assistant\nTwo.<|im_end|>\n"
        + "<|im_start|>user\nThree?<|im_end|>\n<|im_start|>assistant\nFour.<|im_end|>")
    #expect(sequence.scored.map { Self.text(sequence.tokens[$0]) } == ["Two.<|im_end|>", "Four.<|im_end|>"])
    #expect(encoded.bytes == 9 && encoded.cut == PromptCut())
    let question = try encoder().question(example(Self.turns))
    #expect(Self.text(question.prompt).hasSuffix("Three?<|im_end|>\n<|im_start|>assistant\n"))
    #expect(question.answers == ["Four."])
  }

  /// The template's mark ends an answer, as a text where it is no token, of a chat as of a completion that is asked by a template.
  @Test(arguments: [false, true]) func theMarkOfATemplateEndsAnAnswer(isToken: Bool) throws {
    let encode: TextEncoder = { $0 == "<|im_end|>" && isToken ? [7] : Self.encode($0, $1) }
    let chat = try template(Self.chatML)
    let asked = try ChatEncoder(
      chat, contextLength: 1000, end: AnswerEnd(length: 10, texts: []), encode: encode, id: { _ in nil })
    var squad = Example(
      fields: ["title": "T", "context": "C", "question": "Q"], label: 0, source: .init(file: "f", line: 1))
    squad.answers = ["A"]
    let completed = try PromptEncoder(task: .squad, contextLength: 1000, chat: chat, encode: encode)
    for end in [try asked.question(example(Self.turns)).end, try completed.question(squad).end] {
      #expect(end.tokens == (isToken ? [7] : []) && end.texts.contains("<|im_end|>") == !isToken)
    }
  }

  @Test func oldExchangesGoFirstThenTheMessageThenTheEndOfTheAnswer() throws {
    let last =
      "<|im_start|>system\nBe.<|im_end|>\n<|im_start|>user\nThree?<|im_end|>\n<|im_start|>assistant\nFour.<|im_end|>"
    let fewer = try encoder(last.count).encode(example(Self.turns))
    #expect(Self.text(fewer.sequences[0].tokens) == last && fewer.cut.exchanges == 1 && fewer.cut.tokens == 0)
    let cut = try encoder(last.count - 2).encode(example(Self.turns))
    #expect(Self.text(cut.sequences[0].tokens) == last.replacingOccurrences(of: "Three", with: "ree"))
    #expect(
      cut.cut.tokens == 2
        && cut.sequences[0].scored.map { Self.text(cut.sequences[0].tokens[$0]) } == ["Four.<|im_end|>"])
    let ends = try encoder(last.count - 6 - 3).encode(example(Self.turns))
    #expect(
      Self.text(ends.sequences[0].tokens) == String(last.replacingOccurrences(of: "Three?", with: "").dropLast(3)))
    #expect(ends.cut.tokens == 6 && ends.cut.answer == 3 && ends.cut.exchanges == 1)
    let question = try encoder(last.count).question(example(Self.turns))
    #expect(question.prompt.count <= last.count - 10 && question.cut.exchanges == 1)
    let error = inputError { _ = try self.encoder(20).question(self.example(Self.turns)) }
    #expect(error?.subject == "chats.jsonl line 4")
  }

  @Test func conversationsThatAskNothingAreRefused() throws {
    for messages in [Array(Self.turns.dropLast()), [], [.init(.system, "a")]] {
      #expect(throws: InputError.self) { try encoder().encode(example(messages)) }
    }
    #expect(throws: InputError.self) { try encoder().question(example([.init(.assistant, "a")])) }
    let twice = [ChatMessage(.user, "a"), ChatMessage(.user, "b"), ChatMessage(.assistant, "c")]
    let gemma = try template("{{ bos_token }}<start_of_turn>")
    let error = inputError { _ = try gemma.parts(of: twice, asks: false, subject: "row") }
    #expect(error?.found.contains("two messages of the user") == true)
    #expect(throws: Never.self) { try template(Self.chatML).parts(of: twice, asks: false, subject: "row") }
    let late = [ChatMessage(.user, "a"), ChatMessage(.system, "b")]
    #expect(throws: InputError.self) { try template(Self.chatML).parts(of: late, asks: false, subject: "row") }
  }

  // MARK: Plain texts

  /// Every token but the first is scored once, whatever the length of a sequence; packed ones hold the same tokens.
  @Test(arguments: [2, 3, 7, 100])
  func plainTextsAreScoredOnce(length: Int) throws {
    let encoder = PlainTextEncoder(length: length, end: [1], encode: Self.encode)
    let text = "abcdefghij"
    let encoded = encoder.encode(text) { Self.text($0) }
    let scored = encoded.sequences.flatMap { sequence in sequence.scored.flatMap { sequence.tokens[$0] } }
    #expect(scored == text.unicodeScalars.map { Int($0.value) } + [1] && encoded.bytes == 10)
    #expect(encoded.sequences.allSatisfy { $0.tokens.count <= length && $0.tokens.count >= 2 })
    #expect(encoded.sequences[0].tokens[0] == 0x24)
    let packed = encoder.packed(["ab", "cd"])
    let all = [0x24, 97, 98, 1, 0x24, 99, 100, 1]
    #expect(packed.flatMap { $0.tokens.dropFirst() } == Array(all.dropFirst()))
    #expect(packed.reduce(0) { $0 + $1.scoredCount } == all.count - 1)
    // Without a token in front the first token has nothing that predicts it.
    let bare = PlainTextEncoder(
      length: length, end: [], encode: { text, _ in text.unicodeScalars.map { Int($0.value) } })
    #expect(bare.encode("éa") { Self.text($0) }.bytes == 1)
    #expect(bare.encode("", spelled: { Self.text($0) }).sequences.isEmpty)
  }
}
