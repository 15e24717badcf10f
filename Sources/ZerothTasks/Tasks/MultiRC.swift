extension TextTask {
  /// MultiRC: whether an answer to a question about a paragraph is right (Khashabi et al. 2018).
  ///
  /// A row is a paragraph with its questions and their answers, and each answer is an example. In the form of the hub a
  /// row is one answer. All examples of a paragraph are in one split.
  public static let multirc: TextTask = {
    let classes = [ClassLabel("No", "0", "false"), ClassLabel("Yes", "1", "true")]
    return TextTask(
      name: "multirc",
      summary: "whether an answer to a question about a paragraph is right, two classes",
      columns: [["paragraph"], ["question"], ["answer"]],
      classes: classes,
      metrics: [.f1, .accuracy],
      prompt: { example in
        """
        \(example["paragraph"])
        Question: \(example["question"])
        I found this answer "\(example["answer"])". Is that correct? Yes or No?

        """
      },
      read: { record in
        if record.fields["paragraph"] != nil {
          return [
            Example(
              fields: try record.texts([["paragraph"], ["question"], ["answer"]]),
              label: try record.label(among: classes),
              splitKey: try record.text("paragraph"), source: record.source)
          ]
        }
        let passage = try record.object("passage")
        let paragraph = try passage.text("text")
        return try passage.objects("questions").flatMap { question in
          let text = try question.text("question")
          return try question.objects("answers").map { answer in
            Example(
              fields: ["paragraph": paragraph, "question": text, "answer": try answer.text("text")],
              label: try answer.label(among: classes), splitKey: paragraph, source: record.source)
          }
        }
      }
    ).with {
      $0.isLabelled = { record in
        guard let questions = try? record.object("passage").objects("questions") else {
          return record.hasLabel("label")
        }
        return questions.contains { ((try? $0.objects("answers")) ?? []).contains { $0.hasLabel("label") } }
      }
      $0.exampleRow = [
        "passage": [
          "text": "Ada wrote a letter. She sent it on Monday.",
          "questions": [["question": "What did Ada send?", "answers": [["text": "A letter", "label": 1]]]],
        ]
      ]
    }
  }()
}
