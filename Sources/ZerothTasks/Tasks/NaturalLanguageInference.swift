/// The parts that tasks with a premise and a hypothesis share.
enum NaturalLanguageInference {
  static let columns = [["premise", "sentence1"], ["hypothesis", "sentence2"]]

  /// `{premise without its final punctuation}?<mask>, {hypothesis, first letter lower}`.
  static let masked: @Sendable (Example) -> MaskedPrompt = { example in
    var premise = example["premise"]
    if let last = premise.last, ".,;:!?".contains(last) { premise.removeLast() }
    let hypothesis = example["hypothesis"]
    return MaskedPrompt("\(premise)?", ", \(hypothesis.prefix(1).lowercased())\(hypothesis.dropFirst())")
  }

  static let labelSentence: @Sendable (ClassLabel) -> String = { "The answer is \($0.word)." }

  /// The task of SNLI and MNLI, with three classes. Rows with the gold label `-` (-1 in the form of the hub) are
  /// skipped as usual, because the annotators did not agree. The hub numbers the classes as entailment, neutral,
  /// contradiction.
  static func threeClasses(name: String, summary: String) -> TextTask {
    let labelColumns = ["gold_label", "label"]
    let classes = [
      ClassLabel("No", "contradiction", "2"), ClassLabel("Yes", "entailment", "0"), ClassLabel("Maybe", "neutral", "1"),
    ]
    return TextTask(
      name: name, summary: summary, columns: columns, labelColumns: labelColumns, classes: classes, maskedLength: 256,
      masked: masked, labelSentence: labelSentence,
      read: { record in
        let label = labelColumns.compactMap { record.fields[$0] }.first?.cellText
        if !record.ignoresLabels, label == "-" || label == "-1" { return [] }
        return [
          Example(
            fields: try record.texts(columns), label: try record.label(labelColumns, among: classes),
            source: record.source)
        ]
      }
    ).with {
      $0.exampleRow = [
        "sentence1": "A dog runs across a field.", "sentence2": "An animal is moving.", "gold_label": "entailment",
      ]
    }
  }
}
