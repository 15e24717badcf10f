extension TextTask {
  /// TREC: the kind of answer that a question asks for (Li and Roth 2002; Voorhees and Tice 2000).
  ///
  /// A label is `COARSE:fine`, and the coarse part is the class. The original files are in Latin-1.
  public static let trec: TextTask = {
    let hubClasses: [(column: String, names: [String])] = [
      ("coarse_label", ["ABBR", "ENTY", "DESC", "HUM", "LOC", "NUM"]),
      ("label-coarse", ["DESC", "ENTY", "ABBR", "HUM", "NUM", "LOC"]),
    ]
    let columns = [["question", "text"]]
    let classes = [
      ClassLabel("Description", "DESC", "0"), ClassLabel("Entity", "ENTY", "1"), ClassLabel("Expression", "ABBR", "2"),
      ClassLabel("Human", "HUM", "3"), ClassLabel("Location", "LOC", "4"), ClassLabel("Number", "NUM", "5"),
    ]
    return TextTask(
      name: "trec",
      summary: "the kind of answer a question asks for, six classes",
      columns: columns,
      labelColumns: ["label"] + hubClasses.map(\.column),
      classes: classes,
      masked: { MaskedPrompt("", ":\($0["question"])") },
      labelSentence: { "The answer is \($0.word.lowercased())." },
      read: { record in
        var coarse = record.fields
        if let label = coarse["label"]?.cellText { coarse["label"] = .string(String(label.prefix { $0 != ":" })) }
        // The hub numbers the classes in another order, which depends on the column.
        for (column, names) in hubClasses where coarse["label"] == nil {
          guard let label = coarse[column]?.cellText else { continue }
          coarse["label"] = .string(Int(label).flatMap { names.indices.contains($0) ? names[$0] : nil } ?? label)
        }
        return [
          Example(
            fields: try record.texts(columns),
            label: try record.ignoresLabels ? 0 : Record(coarse, source: record.source).label(among: classes),
            source: record.source)
        ]
      }
    ).with {
      $0.encoding = .utf8OrLatin1
      $0.exampleRow = ["question": "Who built the first lighthouse ?", "label": "HUM:ind"]
    }
  }()
}
