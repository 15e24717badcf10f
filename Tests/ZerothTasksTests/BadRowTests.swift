import Foundation
import Testing
import Zeroth

@testable import ZerothTasks

/// A good row of each task on line 2, damaged in every field: the error names file, line and field.
@Suite struct BadRowTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let task: TextTask
    let row: String
    let texts: [String]
    let label: String?
    var testDescription: String { task.name }

    init(_ task: TextTask, _ row: String, texts: [String], label: String?) {
      self.task = task
      self.row = row
      self.texts = texts
      self.label = label
    }
  }

  static let pair = ["premise", "hypothesis"]

  static let cases: [Case] = [
    Case(.sst2, #"{"sentence": "a", "label": 1}"#, texts: ["sentence"], label: "label"),
    Case(.sst5, #"{"sentence": "a", "label": 4}"#, texts: ["sentence"], label: "label"),
    Case(.trec, #"{"question": "a", "label": "HUM:ind"}"#, texts: ["question"], label: "label"),
    Case(.rte, #"{"premise": "a", "hypothesis": "b", "label": "entailment"}"#, texts: pair, label: "label"),
    Case(.snli, #"{"premise": "a", "hypothesis": "b", "label": "neutral"}"#, texts: pair, label: "label"),
    Case(.mnli, #"{"premise": "a", "hypothesis": "b", "label": "neutral"}"#, texts: pair, label: "label"),
    Case(.cb, #"{"premise": "a", "hypothesis": "b", "label": "neutral"}"#, texts: pair, label: "label"),
    Case(.boolq, #"{"passage": "a", "question": "b", "label": true}"#, texts: ["passage", "question"], label: "label"),
    Case(
      .wsc, #"{"text": "a", "target": {"span1_text": "b", "span2_text": "c"}, "label": true}"#,
      texts: ["text", "span1_text", "span2_text"], label: "label"),
    Case(
      .wic, #"{"word": "a", "sentence1": "b", "sentence2": "c", "label": true}"#,
      texts: ["word", "sentence1", "sentence2"], label: "label"),
    Case(
      .multirc,
      #"{"passage": {"text": "a", "questions": [{"question": "b", "answers": [{"text": "c", "label": 1}]}]}}"#,
      texts: ["text", "question"], label: "label"),
    Case(
      .copa, #"{"premise": "a", "choice1": "b", "choice2": "c", "question": "cause", "label": 1}"#,
      texts: ["premise", "choice1", "choice2", "question"], label: "label"),
    Case(
      .squad, #"{"title": "a", "context": "b", "question": "c", "answers": {"text": ["d"]}}"#,
      texts: ["title", "context", "question"], label: nil),
    Case(
      .drop, #"{"context": "Passage: a\nQuestion: b\nAnswer:", "ref_text": "c|d"}"#, texts: ["context", "ref_text"],
      label: nil),
  ]

  /// The error of `row` on line 2, after a good one.
  func failure(_ bad: Case, _ row: String) throws -> InputError {
    let fixture = try DataFixture(["rows.jsonl": bad.row + "\n" + row + "\n"])
    return try #require(throws: InputError.self) { try bad.task.examples(at: "\(fixture.path)/rows.jsonl") }
  }

  func expect(_ error: InputError, names field: String, _ what: String) {
    #expect(error.subject.contains("/rows.jsonl line 2: "), "\(what): \(error)")
    #expect(error.subject.contains(field), "\(what): \(error)")
  }

  @Test func thereIsACaseForEachTask() {
    #expect(Set(Self.cases.map(\.task.name)) == Set(TaskRegistry.standard.tasks.map(\.name)))
  }

  @Test(arguments: cases)
  func aGoodRowIsRead(_ good: Case) throws {
    let fixture = try DataFixture(["rows.jsonl": good.row + "\n"])
    #expect(try good.task.examples(at: "\(fixture.path)/rows.jsonl").count == 1)
  }

  @Test(arguments: cases)
  func missingEmptyAndUnknown(_ bad: Case) throws {
    for field in bad.texts + [bad.label].compactMap(\.self) {
      let renamed = bad.row.replacingOccurrences(of: "\"\(field)\":", with: "\"other\":")
      #expect(renamed != bad.row)
      expect(try failure(bad, renamed), names: field, "missing \(field)")
    }
    for field in bad.texts {
      for empty in [#""""#, #""  \n""#] {
        let emptied = bad.row.replacing(
          try Regex("\"\(field)\": \"(\\\\.|[^\"\\\\])*\""), with: "\"\(field)\": \(empty)", maxReplacements: 1)
        #expect(emptied != bad.row)
        expect(try failure(bad, emptied), names: field, "empty \(field)")
      }
      let number = bad.row.replacing(
        try Regex("\"\(field)\": \"(\\\\.|[^\"\\\\])*\""), with: "\"\(field)\": [1]", maxReplacements: 1)
      expect(try failure(bad, number), names: field, "\(field) of another type")
    }
    if let label = bad.label {
      let unknown = bad.row.replacing(try Regex("\"\(label)\": [^},]*"), with: "\"\(label)\": \"purple\"")
      let error = try failure(bad, unknown)
      expect(error, names: label, "unknown label")
      #expect(error.found == "'purple'" && error.expected.hasPrefix("one of "))
    }
  }

  @Test func answersThatAreMissing() throws {
    let squad = try #require(Self.cases.first { $0.task.name == "squad" })
    for (bad, field) in [
      (#"{"text": []}"#, "answers"), (#"{"text": [""]}"#, "text[0]"), ("{}", "text"), ("3", "answers"),
    ] {
      expect(
        try failure(squad, squad.row.replacingOccurrences(of: #"{"text": ["d"]}"#, with: bad)), names: field, bad)
    }
    let drop = try #require(Self.cases.first { $0.task.name == "drop" })
    expect(try failure(drop, drop.row.replacingOccurrences(of: "c|d", with: "|")), names: "ref_text", "no answer")
    expect(try failure(drop, drop.row.replacingOccurrences(of: "Answer:", with: "")), names: "context", "no question")
  }

  /// A prompt is cut on its left and says so; what cannot be cut names its file and line.
  @Test func overlongPromptsAreCutAndOverlongAnswersAreRefused() throws {
    let encode: TextEncoder = { text, special in (special ? [0] : []) + text.utf8.map { Int($0) + 1 } }
    let question = Example(
      fields: ["passage": String(repeating: "p", count: 200), "question": "why"],
      answers: [String(repeating: "long ", count: 30)], label: 0, source: Source(file: "drop.jsonl", line: 9))
    let encoder = try PromptEncoder(task: .drop, contextLength: 100, encode: encode)
    let asked = try encoder.question(question)
    #expect(asked.prompt.count == 50 && asked.prompt[0] == 0)
    #expect(asked.cut.tokens == "Passage: \(question["passage"])\nQuestion: why\nAnswer:".utf8.count - 49)
    let error = #expect(throws: InputError.self) { try encoder.encode(question) }
    #expect(error?.subject == "drop.jsonl line 9" && error?.found == "a candidate of 152 tokens")
    var other = question
    other.answers = ["quite another answer"]
    #expect(try encoder.question(other).prompt == asked.prompt, "a prompt does not know its answer")

    let sentence = Example(
      fields: ["sentence": String(repeating: "s", count: 90)], label: 1, source: Source(file: "a", line: 1))
    let whole = try PromptEncoder(task: .sst2, contextLength: 120, encode: encode).encode(sentence)
    #expect(whole.cut == PromptCut())
    let few = try PromptEncoder(task: .sst2, contextLength: 220, encode: encode)
      .encode(sentence, demonstrations: [sentence, sentence])
    #expect(few.cut.demonstrations == 1 && few.cut.tokens == 0)
    let cut = try PromptEncoder(task: .sst2, contextLength: 60, encode: encode).encode(sentence)
    #expect(cut.cut.tokens == "\(sentence["sentence"]) It was".utf8.count - (60 - 1 - " terrible".utf8.count))
  }
}
