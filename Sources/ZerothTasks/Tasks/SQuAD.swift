extension TextTask {
  /// SQuAD 1.1: the answer to a question is a span of a paragraph (Rajpurkar et al. 2016).
  ///
  /// It is read from SQuAD's own JSON of articles, paragraphs and questions, or from rows with title, context, question
  /// and answers. All questions about a paragraph are in one split.
  public static let squad = TextTask(
    name: "squad",
    summary: "the answer to a question about a paragraph, generated",
    kind: .generation,
    metrics: [.answerF1, .exactMatch],
    prompt: { example in
      "Title: \(example["title"])\nContext: \(example["context"])\nQuestion: \(example["question"])\nAnswer: "
    },
    read: { record in
      guard record.fields["data"] != nil else {
        return [
          try question(
            record, answers: try record.ignoresLabels ? [] : record.object("answers").texts("text"),
            title: try record.text("title"),
            context: try record.text("context"))
        ]
      }
      return try record.objects("data").flatMap { article in
        let title = try article.text("title")
        return try article.objects("paragraphs").flatMap { paragraph in
          let context = try paragraph.text("context")
          return try paragraph.objects("qas").map { row in
            let answers = try row.ignoresLabels ? [] : row.objects("answers").map { try $0.text("text") }
            return try question(row, answers: answers, title: title, context: context)
          }
        }
      }
    }
  ).with {
    $0.isLabelled = { $0.fields["data"] != nil || $0.hasLabel("answers") }
    $0.exampleRow = [
      "title": "Lighthouse", "context": "The lighthouse was built in 1860.",
      "question": "When was the lighthouse built?", "answers": ["text": ["1860", "in 1860"]],
    ]
  }

  @Sendable private static func question(
    _ row: Record, answers: [String], title: String, context: String
  ) throws -> Example {
    guard !answers.isEmpty || row.ignoresLabels else {
      throw row.error("answers", found: "none", expected: "at least one")
    }
    return Example(
      fields: ["title": title, "context": context, "question": try row.text("question")], answers: answers, label: 0,
      splitKey: context, source: row.source)
  }
}
