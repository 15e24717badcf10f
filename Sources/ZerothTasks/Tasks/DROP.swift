import Foundation

extension TextTask {
  /// DROP: a question about a passage that asks for counting, comparing or calculating (Dua et al. 2019).
  ///
  /// A row has `context`, which is `Passage: ...\nQuestion: ...\nAnswer:`, and `ref_text`, the gold answers joined by
  /// bars. In the form of the hub it has `passage`, `question` and `answers_spans` with `spans`. All questions about a
  /// passage are in one split.
  public static let drop = TextTask(
    name: "drop",
    summary: "a question about a passage that needs counting or comparing, generated",
    kind: .generation,
    metrics: [.answerF1, .exactMatch],
    prompt: { "Passage: \($0["passage"])\nQuestion: \($0["question"])\nAnswer: " },
    read: { record in
      if record.fields["passage"] != nil {
        let spans = try record.ignoresLabels ? [] : record.object("answers_spans").texts("spans")
        guard !spans.isEmpty || record.ignoresLabels else {
          throw record.error("answers_spans", found: "no span", expected: "at least one")
        }
        return [
          Example(
            fields: try record.texts([["passage"], ["question"]]), answers: spans, label: 0,
            splitKey: try record.text("passage"), source: record.source)
        ]
      }
      let context = try record.text("context")
      let (head, question, tail) = ("Passage: ", "\nQuestion: ", "\nAnswer:")
      guard context.hasPrefix(head), context.hasSuffix(tail),
        let middle = context.range(of: question, options: .backwards)
      else {
        throw record.error(
          "context", found: "'\(context.prefix(40))'",
          expected: "'Passage: ...', 'Question: ...' and 'Answer:' in lines")
      }
      let passage = context[..<middle.lowerBound].dropFirst(head.count).trimmed
      let gold = record.ignoresLabels ? "" : try record.text("ref_text")
      let answers = gold.split(separator: "|").map { $0.trimmed }.filter { !$0.isEmpty }
      guard !answers.isEmpty || record.ignoresLabels else {
        throw record.error("ref_text", found: "no answer", expected: "at least one")
      }
      return [
        Example(
          fields: ["passage": passage, "question": context[middle.upperBound...].dropLast(tail.count).trimmed],
          answers: answers, label: 0, splitKey: passage, source: record.source)
      ]
    }
  ).with {
    $0.isLabelled = { $0.hasLabel("ref_text") || $0.hasLabel("answers_spans") }
    $0.exampleRow = [
      "context":
        "Passage: They scored twice before half-time and once after it.\nQuestion: How many times did they score?\nAnswer:",
      "ref_text": "3|three",
    ]
  }
}
