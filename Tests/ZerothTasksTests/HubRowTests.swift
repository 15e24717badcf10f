import TestSupport
import Testing
import Zeroth

@testable import ZerothTasks

/// Rows as Hugging Face's `datasets` exports them, and benchmark files without labels.
@Suite struct HubRowTests {
  /// A row of the hub for each task, and the word of its class or its gold answers.
  static let rows: [(task: TextTask, row: String, right: [String])] = [
    (.sst2, #"{"idx": 0, "sentence": "good", "label": 1}"#, ["great"]),
    (.sst5, #"{"text": "good", "label": 3, "label_text": "positive"}"#, ["good"]),
    (.trec, #"{"text": "Who?", "coarse_label": 2, "fine_label": 26}"#, ["Description"]),
    (.trec, #"{"text": "How many?", "coarse_label": 5, "fine_label": 40}"#, ["Number"]),
    (.trec, #"{"text": "Where?", "label-coarse": 5, "label-fine": 40}"#, ["Location"]),
    (.rte, #"{"premise": "a", "hypothesis": "b", "label": 1, "idx": 3}"#, ["No"]),
    (.rte, #"{"sentence1": "a", "sentence2": "b", "label": 0, "idx": 3}"#, ["Yes"]),
    (.snli, #"{"premise": "a", "hypothesis": "b", "label": 0}"#, ["Yes"]),
    (.mnli, #"{"premise": "a", "hypothesis": "b", "label": 2, "idx": 1}"#, ["No"]),
    (.cb, #"{"premise": "a", "hypothesis": "b", "idx": 0, "label": 1}"#, ["No"]),
    (.cb, #"{"premise": "a", "hypothesis": "b", "idx": 0, "label": 2}"#, ["Maybe"]),
    (.boolq, #"{"question": "a", "answer": true, "passage": "b"}"#, ["Yes"]),
    (
      .wsc, #"{"text": "a", "span1_index": 0, "span2_index": 1, "span1_text": "b", "span2_text": "c", "label": 1}"#,
      ["Yes"]
    ),
    (.wic, #"{"word": "a", "sentence1": "b", "sentence2": "c", "start1": 0, "label": 0}"#, ["No"]),
    (
      .multirc,
      #"{"paragraph": "a", "question": "b", "answer": "c", "idx": {"paragraph": 0, "question": 1, "answer": 2}, "label": 1}"#,
      ["Yes"]
    ),
    (
      .copa, #"{"premise": "a", "choice1": "B b", "choice2": "C c", "question": "cause", "idx": 0, "label": 1}"#,
      ["c c"]
    ),
    (
      .squad,
      #"{"id": "1", "title": "t", "context": "c", "question": "q", "answers": {"text": ["x", "y"], "answer_start": [1, 2]}}"#,
      ["x", "y"]
    ),
    (
      .drop,
      #"{"section_id": "s", "query_id": "i", "passage": "p", "question": "q", "answers_spans": {"spans": ["3", "three"], "types": ["number", "span"]}}"#,
      ["3", "three"]
    ),
  ]

  private func right(_ task: TextTask, _ example: Example) -> [String] {
    task.kind == .generation ? example.answers : [task.candidates(of: example)[example.label]]
  }

  @Test func everyTaskReadsThem() throws {
    #expect(Set(Self.rows.map(\.task.name)) == Set(TaskRegistry.standard.tasks.map(\.name)))
    for (task, row, expected) in Self.rows {
      let fixture = try DataFixture(["rows.jsonl": row + "\n"])
      let examples = try task.examples(at: "\(fixture.path)/rows.jsonl")
      #expect(examples.map { right(task, $0) } == [expected], "\(task.name): \(row)")
      // Without what is right, the same is asked.
      let asked = try task.rows(at: "\(fixture.path)/rows.jsonl", isAsked: true).examples
      #expect(asked.map(\.fields) == examples.map(\.fields), "\(task.name)")
    }
  }

  @Test func annotatorsThatDidNotAgreeAreLeftOutAndCounted() throws {
    let rows = [0, -1, 2, -1].map { #"{"premise": "a\#($0)", "hypothesis": "b", "label": \#($0)}"# + "\n" }.joined()
    let fixture = try DataFixture(["train.jsonl": rows])
    let data = try TextTask.snli.load(fixture.path)
    #expect(data.train.map(\.label) == [1, 0])
    #expect(
      data.notes == [
        "2 of 4 rows of \(fixture.path)/train.jsonl left out, as they are empty or have no label; the first is line 2"
      ])
  }

  private static func row(_ index: Int, label: String?) -> String {
    #"{"idx": \#(index), "sentence": "text \#(index)"\#(label.map { ", \"label\": \($0)" } ?? "")}"# + "\n"
  }

  /// Test files of GLUE and SuperGLUE have no labels, or -1 in their place.
  @Test(arguments: [nil, "-1"])
  func anUnlabelledTestFileIsLeftOut(label: String?) throws {
    let rows = { (range: Range<Int>, label: (Int) -> String?) in range.map { Self.row($0, label: label($0)) }.joined() }
    let fixture = try DataFixture([
      "train.jsonl": rows(0..<30) { "\($0 % 2)" }, "val.jsonl": rows(100..<120) { "\($0 % 2)" },
      "test.jsonl": rows(200..<210) { _ in label },
    ])
    let data = try TextTask.sst2.load(fixture.path)
    #expect(data.folder.test == "\(fixture.path)/val.jsonl" && data.dev == nil)
    let splits = try data.split(.total(train: 20, dev: 10), seed: 1)
    #expect([splits.train.count, splits.dev.count, splits.test.count] == [20, 10, 20])
    #expect(splits.notes.contains { $0.contains("test.jsonl has no labels and is left out: test comes from") })
    // The same file as dev and test: dev is drawn from train then.
    let asked = try TextTask.sst2.load(fixture.path, testData: "\(fixture.path)/val.jsonl").split(seed: 1)
    #expect(asked.test.allSatisfy { $0.source.file.hasSuffix("val.jsonl") } && asked.test.count == 20)
    #expect(asked.dev.allSatisfy { $0.source.file.hasSuffix("train.jsonl") })
    let error = inputError { _ = try TextTask.sst2.load(fixture.path, testData: "\(fixture.path)/test.jsonl") }
    #expect(error?.found == (label == nil ? "no such field among idx, sentence" : "no labels in label in any row"))
  }
}
