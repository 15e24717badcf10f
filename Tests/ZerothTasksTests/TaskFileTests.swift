import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothSupport

@testable import ZerothTasks

/// Tasks that files describe: what they read and ask, and the sentence for each thing that is wrong.
@Suite struct TaskFileTests {
  static func task(_ json: JSON, path: String = "own.toml") throws -> TextTask {
    try TaskFile.task(json, path: path, text: json.description)
  }

  static let tickets: JSON = [
    "name": "tickets", "kind": "classification", "prompt": "{subject}\n{text}\nTeam:", "label": "team",
    "candidates": ["billing": " money", "it": " computer"],
  ]

  private func rows(_ task: TextTask, _ name: String, _ text: String, isAsked: Bool = false) throws -> [Example] {
    let fixture = try DataFixture([name: text])
    return try task.rows(at: "\(fixture.path)/\(name)", isAsked: isAsked).examples
  }

  @Test func aClassificationReadsColumnsAndAsksByThePrompt() throws {
    let task = try Self.task(Self.tickets)
    let csv = "id,subject,text,team\n1,Bill,\"Pay, twice\",billing\n2,PC,,it\n3,,,it\n"
    let examples = try rows(task, "tickets.csv", csv)
    #expect(examples.map(\.label) == [0, 1], "a row without any text is left out")
    #expect(task.prompt?(examples[0]) == "Bill\nPay, twice\nTeam:")
    #expect(task.prompt?(examples[1]) == "PC\n\nTeam:", "a single empty column is an empty text")
    #expect(task.candidates(of: examples[0]) == [" money", " computer"])
    #expect(task.classes.map(\.title) == ["billing", "it"] && task.metrics == [.accuracy, .macroF1])
    #expect(task.textFields == ["subject", "text"] && task.text(of: examples[0]) == "Bill Pay, twice")
    // A row is the same in every form of file.
    let json = #"{"subject": "Bill", "text": "Pay, twice", "team": "billing"}"# + "\n"
    #expect(try rows(task, "a.jsonl", json)[0].fields == examples[0].fields)
    #expect(try rows(task, "a.tsv", "subject\ttext\tteam\nBill\tPay, twice\tbilling\n")[0].fields == examples[0].fields)
    let asked = try rows(task, "asked.csv", "subject,text\nBill,Pay\n", isAsked: true)
    #expect(asked.count == 1 && task.prompt?(asked[0]) == "Bill\nPay\nTeam:")
  }

  @Test func otherModelsAreAskedByMaskAndSentence() throws {
    var json = Self.tickets
    json["masked"] = "{text} It is {mask} of {{{subject}}}."
    json["words"] = ["it": "tech"]
    json["label-sentence"] = "About {word}, {label}."
    let task = try Self.task(json)
    let example = Example(
      fields: ["subject": "S", "text": "T"], label: 0, source: Source(file: "a", line: 1))
    #expect(task.masked?(example) == MaskedPrompt("T It is ", " of {S}."))
    #expect(task.classes.map(\.word) == ["money", "tech"])
    #expect(task.labelSentence?(task.classes[1]) == "About tech, it.")
  }

  @Test func choicesAreTextsOrAnArray() throws {
    let texts = try Self.task([
      "kind": "choice", "prompt": "{goal}", "choices": [" {sol1}", " {sol2}"], "label": "label",
    ])
    let examples = try rows(texts, "a.csv", "goal,sol1,sol2,label\nEat,fork,spoon,1\nSit,chair,bed,chair\n")
    #expect(examples.map(\.choices) == [[" fork", " spoon"], [" chair", " bed"]] && examples.map(\.label) == [1, 0])
    let array = try Self.task([
      "kind": "choice", "prompt": "{question}\nAnswer:", "choices": "choices.text", "label": "answerKey",
      "labels": ["A", "B", "C"],
    ])
    let row = #"{"question": "Q", "choices": {"text": ["x", "y", "z"], "label": ["A", "B", "C"]}, "answerKey": "C"}"#
    let example = try rows(array, "a.jsonl", row + "\n")[0]
    #expect(example.choices == [" x", " y", " z"] && example.label == 2)
    let error = #expect(throws: InputError.self) {
      try rows(array, "a.jsonl", row.replacingOccurrences(of: "\"C\"}", with: "\"D\"}") + "\n")
    }
    #expect(error?.expected == "one of 'A', 'B', 'C'" && error?.subject.hasSuffix("line 1: answerKey") == true)
  }

  @Test func completionsKeepTheirSpacesAndMayHaveMoreAnswers() throws {
    let task = try Self.task([
      "kind": "completion", "prompt": "The capital of {country} is", "completion": " {capital}", "answers": "also",
      "max-tokens": 8, "stop": [".", "\n"],
    ])
    let row = #"{"country": "Italy", "capital": "Rome", "also": ["Roma"]}"# + "\n"
    let example = try rows(task, "a.jsonl", row)[0]
    #expect(task.prompt?(example) == "The capital of Italy is" && task.candidates(of: example) == [" Rome"])
    #expect(example.answers == [" Rome", "Roma"] && task.endsWithToken)
    #expect(task.answerEnd == AnswerEnd(length: 8, texts: [".", "\n"]))
    #expect(AnswerScore("roma", gold: example.answers).exactMatch)
    let plain = try Self.task(["kind": "completion"])
    #expect(try rows(plain, "a.csv", "prompt,completion\nfoo(,  bar)\n")[0].answers == ["  bar)"])
  }

  @Test func conversationsComeInTwoForms() throws {
    let task = try Self.task(["kind": "chat"])
    let rows = try rows(
      task, "a.jsonl",
      #"{"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}"#
        + "\n"
        + #"{"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]}"# + "\n")
    #expect(rows[0].messages == [.init(.system, "S"), .init(.user, "Q"), .init(.assistant, "A")])
    #expect(rows[1].messages == [.init(.user, "Q"), .init(.assistant, "A")])
    let asked = try self.rows(
      task, "a.jsonl", #"{"messages": [{"role": "user", "content": "Q"}]}"# + "\n", isAsked: true)
    #expect(asked[0].messages == [.init(.user, "Q")])
  }

  @Test func plainTextsAreParagraphsLinesOrFiles() throws {
    let text = "one\ntwo\n\n\nthree\n"
    func texts(_ rows: String?) throws -> [String] {
      var json: JSON = ["kind": "text"]
      if let rows { json["rows"] = .string(rows) }
      return try self.rows(Self.task(json), "a.txt", text).map { $0["text"] }
    }
    #expect(try texts(nil) == ["one\ntwo", "three"])
    #expect(try texts("lines") == ["one", "two", "three"])
    #expect(try texts("file") == [text])
    let columns = try Self.task(["kind": "text", "text": "{title}: {body}"])
    #expect(try rows(columns, "a.csv", "title,body\nA,b\n")[0]["text"] == "A: b")
  }

  @Test(
    arguments: [
      (["name": "a"], "own.toml: kind", "nothing", "one of classification, choice, completion, chat, text, reward"),
      (["kind": "classificaton"], "own.toml: kind", "'classificaton'", "perhaps 'classification'"),
      (["kind": "chat", "prompt": "x"], "own.toml: prompt", "does not have", "messages"),
      (["kind": "completion", "promt": "{x}"], "own.toml: promt", "does not have", "perhaps 'prompt'"),
      (["kind": "completion", "prompt": "{x"], "own.toml: prompt", "not closed", "{{ or }}"),
      (["kind": "completion", "prompt": "a } b"], "own.toml: prompt", "without an opening", "{{ or }}"),
      (["kind": "completion", "prompt": "{}"], "own.toml: prompt", "around no name", "columns in braces"),
      (["kind": "completion", "prompt": "x"], "own.toml: prompt", "\"x\"", "a column in braces"),
      (["kind": "completion", "prompt": 3], "own.toml: prompt", "3", "a text"),
      (["kind": "completion", "max-tokens": 0], "own.toml: max-tokens", "0", "at least 1"),
      (["kind": "completion", "stop": "\n"], "own.toml: stop", "\"\u{FFFD}\"", "an array of texts"),
      (["kind": "completion", "ends": "no"], "own.toml: ends", "\"no\"", "true or false"),
      (["kind": "completion", "metrics": ["acuracy"]], "own.toml: metrics", "'acuracy'", "one of perplexity"),
      (["kind": "completion", "name": "a b"], "own.toml: name", "'a b'", "letters"),
      (["kind": "completion", "encoding": "utf16"], "own.toml: encoding", "'utf16'", "latin-1"),
      (["kind": "completion", "train": "many"], "own.toml: train", "\"many\"", "at least 1"),
      (["kind": "text", "rows": "words"], "own.toml: rows", "'words'", "paragraphs, lines, file"),
      (["kind": "choice", "prompt": "{q}", "label": "l"], "own.toml: choices", "nothing", "an array"),
      (["kind": "choice", "choices": "c", "label": "l"], "own.toml: prompt", "nothing", "columns in braces"),
      (
        ["kind": "classification", "label": "l", "candidates": ["a": "b", "c": "d"]], "own.toml: prompt", "nothing",
        "masked"
      ),
      (
        ["kind": "classification", "prompt": "{t}", "label": "l"], "own.toml: candidates", "nothing",
        "the label's values"
      ),
      (
        ["kind": "classification", "prompt": "{t}", "label": "l", "candidates": ["a": "b"]], "own.toml: candidates",
        "one",
        "at least two"
      ),
      (
        ["kind": "classification", "prompt": "{t}", "label": "l", "candidates": ["a": "b", "c": "b"]],
        "own.toml: candidates", "'b' for both a and c", "a text of its own"
      ),
      (
        ["kind": "classification", "prompt": "{t}", "candidates": ["a": "b", "c": "d"]], "own.toml: label", "nothing",
        "the column of the label"
      ),
      (
        ["kind": "classification", "prompt": "{t}", "label": "l", "candidates": ["a": "b", "c": 1]],
        "own.toml: candidates.c", "1", "a text"
      ),
      (
        ["kind": "classification", "masked": "{t}", "label": "l", "candidates": ["a": "b", "c": "d"]],
        "own.toml: masked",
        "no {mask}", "where the mask stands"
      ),
      (
        ["kind": "completion", "example": ["prompt": "a"]], "the example of task own line 1: completion",
        "no such column",
        "a text"
      ),
    ] as [(JSON, String, String, String)])
  func eachMistakeHasItsSentence(json: JSON, subject: String, found: String, expected: String) throws {
    let error = try #require(throws: InputError.self) { try Self.task(json) }
    #expect(error.subject.contains(subject), "\(error)")
    #expect(error.found.contains(found), "\(error)")
    #expect(error.expected.contains(expected), "\(error)")
  }

  @Test func rowsThatDoNotFitNameTheirPlace() throws {
    let task = try Self.task(Self.tickets)
    func error(_ name: String, _ text: String) throws -> InputError {
      let fixture = try DataFixture([name: text])
      return try #require(throws: InputError.self) { try task.examples(at: "\(fixture.path)/\(name)") }
    }
    let header = try error("a.csv", "a,b\n1,2\n")
    #expect(header.subject.hasSuffix("a.csv line 1") && header.found.contains("a, b"), "\(header)")
    let column = try error("a.csv", "subject,team\nBill,it\n")
    #expect(column.subject.hasSuffix("a.csv line 2: text") && column.found.contains("subject, team"), "\(column)")
    let label = try error("a.csv", "subject,text,team\nBill,b,it\nBill,b,sales\n")
    #expect(label.subject.hasSuffix("line 3: team") && label.expected == "one of 'billing', 'it'", "\(label)")
    let unlabelled = try error("a.csv", "subject,text,team\nBill,b,\n")
    #expect(unlabelled.found == "no labels in team in any row" && unlabelled.expected.contains("predict"))
    let latin = try #require(throws: InputError.self) {
      let scratch = try Scratch()
      try Data([0x74, 0xE9, 0x0A]).write(to: URL(fileURLWithPath: scratch.path + "/a.csv"))
      return try task.examples(at: scratch.path + "/a.csv")
    }
    #expect(latin.found == "bytes that are not UTF-8" && latin.subject.hasSuffix("line 1"))
  }

  @Test func emptyRowsAreCountedAndGroupsStayTogether() throws {
    var json = Self.tickets
    json["group"] = "{subject}"
    let task = try Self.task(json)
    let lines = (0..<40).map { "s\($0 / 2),text \($0),\($0 % 2 == 0 ? "it" : "billing")" } + [",,it"]
    let fixture = try DataFixture(["all.csv": "subject,text,team\n" + lines.joined(separator: "\n") + "\n"])
    let data = try task.load(fixture.path)
    let splits = try data.split(.total(train: 20, dev: 10), test: 10, seed: 3)
    let sets = [splits.train, splits.dev, splits.test].map { Set($0.map { $0["subject"] }) }
    #expect(sets[0].isDisjoint(with: sets[1]) && sets[0].isDisjoint(with: sets[2]) && sets[1].isDisjoint(with: sets[2]))
    #expect(splits.notes.contains { $0.hasPrefix("1 of 41 rows of") && $0.hasSuffix("the first is line 42") })
  }

  @Test func explainShowsTheExampleOrTheColumns() throws {
    let task = try Self.task(Self.tickets)
    let text = try task.text()
    #expect(text.contains("  {subject}\n  {text}\n  Team:[ money |  computer]"), "\(text)")
    var json = Self.tickets
    json["example"] = ["subject": "Bill", "text": "Pay", "team": "it"]
    let shown = try Self.task(json)
    #expect(try shown.json()["example"]?["prompt"] == "Bill\nPay\nTeam:" && shown.json()["example"]?["label"] == 1)
    for kind in ["completion", "chat", "text"] {
      #expect(try Self.task(["kind": .string(kind)]).text().contains("own: a task"))
    }
  }
}
