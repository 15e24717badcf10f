extension TextTask {
  /// CB, CommitmentBank: whether the writer of a text is committed to a clause of it (de Marneffe et al. 2019).
  public static let cb = TextTask(
    name: "cb",
    summary: "whether a text commits its writer to a clause, three classes",
    columns: NaturalLanguageInference.columns,
    classes: [
      ClassLabel("Yes", "entailment", "0"), ClassLabel("No", "contradiction", "1"), ClassLabel("Maybe", "neutral", "2"),
    ],
    prompt: { "Suppose \($0["premise"]) Can we infer that \"\($0["hypothesis"])\"? Yes, No, or Maybe?\n" }
  ).with {
    $0.splitSize = .total(train: 150, dev: 100)
    $0.exampleRow = ["premise": "I doubt that it will rain.", "hypothesis": "it will rain", "label": "contradiction"]
  }
}
