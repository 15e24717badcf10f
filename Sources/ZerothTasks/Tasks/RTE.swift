extension TextTask {
  /// RTE: whether one text follows from another (Dagan et al. 2005 and after; SuperGLUE, GLUE).
  public static let rte = TextTask(
    name: "rte",
    summary: "whether a hypothesis follows from a premise, two classes",
    columns: NaturalLanguageInference.columns,
    classes: [ClassLabel("Yes", "entailment", "0"), ClassLabel("No", "not_entailment", "1")],
    maskedLength: 256,
    prompt: { "\($0["premise"])\nDoes this mean that \"\($0["hypothesis"])\" is true? Yes or No?\n" },
    masked: NaturalLanguageInference.masked,
    labelSentence: NaturalLanguageInference.labelSentence
  ).with {
    $0.exampleRow = ["premise": "The dog ran across the field.", "hypothesis": "An animal moved.", "label": 0]
  }
}
