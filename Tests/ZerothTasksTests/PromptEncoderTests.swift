import Synchronization
import Testing
import Zeroth

@testable import ZerothTasks

/// A tokenizer made for these tests: a token is a word with the space before it, or any other single character, unless
/// one of `merges` stands there. Its special tokens are 0 in front and, if wanted, 1 behind.
private final class ToyTokenizer: Sendable {
  private let pieces = Mutex<[String]>(["<s>", "</s>", "<mask>"])
  private let merges: [String]
  private let suffix: [Int]

  init(merges: [String] = [], suffix: [Int] = []) {
    self.merges = merges
    self.suffix = suffix
  }

  var encode: TextEncoder {
    { text, special in
      var tokens: [Int] = special ? [0] : []
      var rest = text[...]
      while !rest.isEmpty {
        let space = rest.first == " " ? 1 : 0
        let word = max(1, space + rest.dropFirst(space).prefix { $0.isLetter }.count)
        let piece = self.merges.first { rest.hasPrefix($0) } ?? String(rest.prefix(word))
        tokens.append(self.id(piece))
        rest = rest.dropFirst(piece.count)
      }
      return tokens + (special ? self.suffix : [])
    }
  }

  func text(_ tokens: [Int]) -> [String] { pieces.withLock { pieces in tokens.map { pieces[$0] } } }

  private func id(_ piece: String) -> Int {
    pieces.withLock { pieces in
      if let id = pieces.firstIndex(of: piece) { return id }
      pieces.append(piece)
      return pieces.count - 1
    }
  }
}

@Suite struct PromptEncoderTests {
  private func sentence(_ text: String, _ label: Int = 1) -> Example {
    Example(fields: ["sentence": text], label: label, source: Source(file: "train.txt", line: 7))
  }

  @Test func theSpaceBelongsToTheCandidate() throws {
    let toy = ToyTokenizer()
    let encoder = try PromptEncoder(task: .sst2, contextLength: 64, encode: toy.encode)
    let encoded = try encoder.encode(sentence("so good"))
    #expect(toy.text(encoded.prompt) == ["<s>", "so", " good", " It", " was"])
    #expect(encoded.candidates.map(toy.text) == [[" terrible"], [" great"]])
    #expect(encoded.label == 1)
  }

  @Test func aLineEndStaysWithThePrompt() throws {
    let toy = ToyTokenizer()
    let encoder = try PromptEncoder(task: .rte, contextLength: 64, encode: toy.encode)
    let example = Example(
      fields: ["premise": "A", "hypothesis": "B"], label: 0, source: Source(file: "a", line: 1))
    let encoded = try encoder.encode(example)
    #expect(toy.text(encoded.prompt).suffix(4) == [" or", " No", "?", "\n"])
    #expect(encoded.candidates.map(toy.text) == [["Yes"], ["No"]])
  }

  @Test func aTokenAcrossTheBoundaryBelongsToTheCandidate() throws {
    let toy = ToyTokenizer(merges: [" was great"])
    let encoded = try PromptEncoder(task: .sst2, contextLength: 64, encode: toy.encode).encode(sentence("so"))
    #expect(toy.text(encoded.prompt) == ["<s>", "so", " It"])
    #expect(encoded.candidates.map(toy.text) == [[" was", " terrible"], [" was great"]])
  }

  @Test func longPromptsAreCutOnTheLeftBehindTheSpecialTokens() throws {
    let toy = ToyTokenizer()
    let encoder = try PromptEncoder(task: .sst2, contextLength: 6, encode: toy.encode)
    let encoded = try encoder.encode(sentence("one two three four five"))
    #expect(toy.text(encoded.prompt) == ["<s>", " four", " five", " It", " was"])
    let tight = try PromptEncoder(task: .sst2, contextLength: 2, encode: toy.encode)
    let error = #expect(throws: InputError.self) { try tight.encode(sentence("one")) }
    #expect(error?.subject == "train.txt line 7")
  }

  @Test func generationLeavesRoomForTheAnswer() throws {
    let toy = ToyTokenizer()
    let encoder = try PromptEncoder(task: .drop, contextLength: 60, encode: toy.encode)
    let example = Example(
      fields: ["passage": "a b c d e f g", "question": "why not"], answers: ["it is"], label: 0,
      source: Source(file: "a", line: 1))
    let encoded = try encoder.encode(example)
    #expect(encoded.prompt.count == 10)
    #expect(toy.text(encoded.prompt).joined() == "<s> g\nQuestion: why not\nAnswer:")
    #expect(toy.text(encoded.candidates[0]) == [" it", " is", "\n"])
  }

  @Test func demonstrationsStandInFrontWithTheirAnswers() throws {
    let toy = ToyTokenizer()
    let encoder = try PromptEncoder(task: .sst2, contextLength: 64, encode: toy.encode)
    let encoded = try encoder.encode(sentence("so"), demonstrations: [sentence("bad", 0), sentence("fine", 1)])
    #expect(
      toy.text(encoded.prompt).joined()
        == "<s>bad It was terrible\n\nfine It was great\n\nso It was")
    #expect(encoded.candidates.map(toy.text) == [[" terrible"], [" great"]])
  }

  @Test func wholeDemonstrationsAreDroppedFromTheLeft() throws {
    let toy = ToyTokenizer()
    let shots = (0..<5).map { sentence("shot \(["a", "b", "c", "d", "e"][$0])", $0 % 2) }
    // A demonstration is 5 tokens and 2 line ends, the prompt 3, the special token and the candidate 1 each.
    for (context, kept) in [(40, 5), (39, 4), (33, 4), (32, 3), (12, 1), (11, 0), (5, 0)] {
      let encoder = try PromptEncoder(task: .sst2, contextLength: context, encode: toy.encode)
      let text = toy.text(try encoder.encode(sentence("so"), demonstrations: shots).prompt).joined()
      let expected = shots.suffix(kept).map { "\($0["sentence"]) It was \($0.label == 1 ? "great" : "terrible")\n\n" }
      #expect(text == "<s>" + expected.joined() + "so It was")
    }
  }

  @Test func choicesVaryByExample() throws {
    let toy = ToyTokenizer()
    let encoder = try PromptEncoder(task: .copa, contextLength: 64, encode: toy.encode)
    let example = Example(
      fields: ["premise": "He fell.", "question": "cause"], choices: ["he ran.", "I pushed."], label: 1,
      source: Source(file: "a", line: 1))
    let encoded = try encoder.encode(example)
    #expect(toy.text(encoded.prompt).joined() == "<s>He fell because")
    #expect(encoded.candidates.map { toy.text($0).joined() } == [" he ran.", " I pushed."])
    var wrong = example
    wrong.label = 2
    #expect(throws: InputError.self) { try encoder.encode(wrong) }
  }

  @Test func tasksForMaskedModelsHaveNoCausalPrompt() {
    #expect(throws: InputError.self) {
      try PromptEncoder(task: .trec, contextLength: 64, encode: ToyTokenizer().encode)
    }
  }
}

@Suite struct PromptMaskTests {
  private func example(_ premise: String, _ hypothesis: String) -> Example {
    Example(
      fields: ["premise": premise, "hypothesis": hypothesis], label: 1, source: Source(file: "a", line: 1))
  }

  @Test func theMaskStandsBetweenItsTexts() throws {
    let toy = ToyTokenizer(suffix: [1])
    let encoder = try MaskedPromptEncoder(task: .snli, contextLength: 64, mask: 2, encode: toy.encode)
    let encoded = encoder.encode(example("A man sleeps.", "He rests."))
    #expect(toy.text(encoded.tokens).joined() == "<s>A man sleeps?<mask>, he rests.</s>")
    #expect(encoded.tokens[encoded.maskPosition] == 2)
    #expect(encoder.labelWords.map { toy.text([$0]) } == [[" No"], [" Yes"], [" Maybe"]])
  }

  @Test func whatIsTooLongLosesItsLeftThenItsRight() throws {
    let toy = ToyTokenizer(suffix: [1])
    func text(_ length: Int) throws -> String {
      let encoder = try MaskedPromptEncoder(task: .snli, contextLength: length, mask: 2, encode: toy.encode)
      let encoded = encoder.encode(example("A man sleeps.", "He rests."))
      #expect(encoded.cut.tokens == max(0, 11 - length))
      #expect(encoded.tokens[encoded.maskPosition] == 2)
      return toy.text(encoded.tokens).joined()
    }
    #expect(try text(9) == "<s> sleeps?<mask>, he rests.</s>")
    #expect(try text(6) == "<s><mask>, he rests</s>")
    #expect(throws: InputError.self) { try text(3) }
  }

  @Test func labelWordsAreSingleTokens() {
    let toy = ToyTokenizer(merges: [" great", " terri"])
    let error = #expect(throws: InputError.self) {
      try MaskedPromptEncoder(task: .sst2, contextLength: 64, mask: 2, encode: toy.encode)
    }
    #expect(error?.subject == "task sst2: label word 'terrible'")
  }

  @Test func sentencesForEncoders() throws {
    let toy = ToyTokenizer(suffix: [1])
    let encoder = try SentenceEncoder(task: .snli, contextLength: 7, encode: toy.encode)
    let encoded = encoder.encode(example("A man sleeps.", "He rests."))
    #expect(toy.text(encoded.tokens).joined() == "<s>A man sleeps. He</s>")
    #expect(encoded.label == 1 && encoded.cut.tokens == 2)
    #expect(encoder.labelSentences.map { toy.text($0).joined() }[1] == "<s>The answer is Yes.</s>")
    #expect(throws: InputError.self) { try SentenceEncoder(task: .drop, contextLength: 9, encode: toy.encode) }
    #expect(throws: InputError.self) { try SentenceEncoder(task: .cb, contextLength: 9, encode: toy.encode) }
  }
}
