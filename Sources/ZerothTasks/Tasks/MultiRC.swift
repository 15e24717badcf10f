extension TextTask {
  /// MultiRC: whether an answer to a question about a paragraph is right (Khashabi et al. 2018).
  ///
  /// A row is a paragraph with its questions and their answers; each answer is an example. A paragraph's examples stay
  /// in one split.
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
      $0.exampleRow = [
        "passage": [
          "text": "Ada wrote a letter. She sent it on Monday.",
          "questions": [["question": "What did Ada send?", "answers": [["text": "A letter", "label": 1]]]],
        ]
      ]
    }
  }()
}
