extension TextTask {
  /// SST-5: the sentiment of a sentence of a film review in five grades (Socher et al. 2013).
  ///
  /// The papers have prompts for masked models only. The causal prompt is that of SST-2.
  public static let sst5 = TextTask(
    name: "sst5",
    summary: "sentiment of a sentence from a film review, five classes",
    columns: [["sentence", "text"]],
    classes: [
      ClassLabel("terrible", "0", "very negative"), ClassLabel("bad", "1", "negative"),
      ClassLabel("okay", "2", "neutral"), ClassLabel("good", "3", "positive"),
      ClassLabel("great", "4", "very positive"),
    ],
    prompt: { "\($0["sentence"]) It was " },
    masked: { MaskedPrompt("\($0["sentence"]) It was", ".") },
    labelSentence: { "It was \($0.word)." }
  ).with {
    $0.exampleRow = ["sentence": "a warm , funny film .", "label": 3]
  }
}
