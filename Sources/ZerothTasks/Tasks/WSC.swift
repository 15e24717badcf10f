extension TextTask {
  /// WSC, the Winograd schema challenge: whether a pronoun refers to a noun (Levesque et al. 2012).
  public static let wsc: TextTask = {
    let classes = [ClassLabel("No", "false", "0"), ClassLabel("Yes", "true", "1")]
    return TextTask(
      name: "wsc",
      summary: "whether a pronoun refers to a noun, two classes",
      columns: [["text"]],
      classes: classes,
      prompt: { example in
        """
        \(example["text"])
        In the previous sentence, does the pronoun "\(example["pronoun"].lowercased())" refer to \(example["noun"])? \
        Yes or No?

        """
      },
      read: { record in
        // In the form of the hub the spans are fields of the row itself.
        let target = record.fields["span1_text"] == nil ? try record.object("target") : record
        let fields = [
          "text": try record.text("text"), "noun": try target.text("span1_text"),
          "pronoun": try target.text("span2_text"),
        ]
        return [Example(fields: fields, label: try record.label(among: classes), source: record.source)]
      }
    ).with {
      $0.exampleRow = [
        "text": "The trophy does not fit into the case because it is too big.",
        "target": ["span1_text": "the trophy", "span2_text": "it"], "label": true,
      ]
    }
  }()
}
