extension TextTask {
  /// WiC: whether a word has one meaning in two sentences (Pilehvar and Camacho-Collados 2019).
  public static let wic = TextTask(
    name: "wic",
    summary: "whether a word has the same meaning in two sentences, two classes",
    columns: [["word"], ["sentence1"], ["sentence2"]],
    classes: [ClassLabel("No", "false", "0"), ClassLabel("Yes", "true", "1")],
    prompt: { example in
      """
      Does the word "\(example["word"])" have the same meaning in these two sentences? Yes, No?
      \(example["sentence1"])
      \(example["sentence2"])

      """
    }
  ).with {
    $0.exampleRow = [
      "word": "bank", "sentence1": "We sat on the bank.", "sentence2": "The bank was closed.", "label": false,
    ]
  }
}
