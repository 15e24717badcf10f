import TestSupport
import Testing
import Zeroth

@testable import ZerothSupport
@testable import ZerothTasks

/// Texts that are equal in Unicode and differ in bytes, and numbers that a double cannot hold.
@Suite struct RowEncodingTests {
  private static let (composed, decomposed) = ("\u{e9}", "e\u{301}")

  @Test func aRowKeepsOneOfTwoEqualKeys() throws {
    let data = try DataFixture([
      "rows.jsonl": "{\"\(Self.composed)\": \"a\", \"\(Self.decomposed)\": \"b\", \"sentence\": \"x\", \"label\": 1}\n"
    ])
    let error = inputError { _ = try TextTask.sst2.examples(at: "\(data.path)/rows.jsonl") }
    #expect(error?.found.hasSuffix("twice, in two encodings of Unicode") == true, "\(String(describing: error))")
  }

  @Test func labelsAreOneTextEach() {
    let error = inputError {
      _ = try TaskFile.task(
        [
          "kind": "classification", "prompt": "{text}", "label": "label",
          "candidates": .object([.init(Self.composed, " great"), .init(Self.decomposed, " bad")]),
        ], path: "t.toml", text: "")
    }
    #expect(error?.found.contains("two encodings of Unicode") == true, "\(String(describing: error))")
  }

  @Test func wholeNumbersKeepTheirDigits() throws {
    func text(_ digits: String) throws -> String {
      try Record(["text": .number(digits)], source: Source(file: "f", line: 1)).text("text")
    }
    #expect(try text("9007199254740993") == "9007199254740993" && text("-3") == "-3")
    #expect(try text("1e3") == "1000" && text("0.5") == "0.5")
  }

  @Test func aMetricIsNamedOnce() {
    let error = inputError {
      _ = try TaskFile.task(
        [
          "kind": "classification", "prompt": "{text}", "label": "label", "candidates": ["a": " good", "b": " bad"],
          "metrics": ["accuracy", "accuracy"],
        ], path: "t.toml", text: "")
    }
    #expect(error?.found == "'accuracy' twice", "\(String(describing: error))")
  }
}
