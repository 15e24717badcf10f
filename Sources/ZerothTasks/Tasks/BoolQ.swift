extension TextTask {
  /// BoolQ: a yes-or-no question about a passage (Clark et al. 2019).
  public static let boolq: TextTask = {
    let classes = [ClassLabel("No", "false", "0"), ClassLabel("Yes", "true", "1")]
    return TextTask(
      name: "boolq",
      summary: "a yes-or-no question about a passage",
      columns: [["passage"], ["question"]],
      labelColumns: ["label", "answer"],
      classes: classes,
      prompt: { "\($0["passage"]) \(asQuestion($0["question"]))\n" },
      read: { record in
        let passage = try record.text("passage")
        return [
          Example(
            fields: ["passage": passage, "question": try record.text("question")],
            label: try record.label(["label", "answer"], among: classes), splitKey: passage, source: record.source)
        ]
      }
    ).with {
      $0.exampleRow = [
        "passage": "Whales are mammals and breathe air.", "question": "do whales breathe air", "label": true,
      ]
    }
  }()

  /// The text with its first letter in upper case and one question mark at the end.
  private static func asQuestion(_ text: String) -> String {
    var question = Substring(text)
    while question.last == "?" { question.removeLast() }
    return "\(question.prefix(1).uppercased())\(question.dropFirst())?"
  }
}
