extension TextTask {
  /// SST-2: whether a sentence of a film review is for or against the film (Socher et al. 2013).
  public static let sst2 = TextTask(
    name: "sst2",
    summary: "sentiment of a sentence from a film review, two classes",
    columns: [["sentence", "text"]],
    classes: [ClassLabel("terrible", "0", "negative"), ClassLabel("great", "1", "positive")],
    prompt: { "\($0["sentence"]) It was " },
    masked: { MaskedPrompt("\($0["sentence"]) It was", ".") },
    labelSentence: { "It was \($0.word)." }
  ).with {
    $0.exampleRow = ["sentence": "a warm , funny film .", "label": 1]
  }
}
