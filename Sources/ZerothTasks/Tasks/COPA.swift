import Zeroth

extension TextTask {
  /// COPA: which of two sentences is the cause or the effect of another (Roemmele et al. 2011).
  public static let copa = TextTask(
    name: "copa",
    summary: "the cause or effect of a sentence out of two",
    kind: .multipleChoice,
    metrics: [.accuracy],
    prompt: { example in
      var premise = example["premise"]
      if premise.last == "." { premise.removeLast() }
      return premise + (example["question"] == "effect" ? " so " : " because ")
    },
    read: { record in
      let question = try record.text("question")
      guard ["cause", "effect"].contains(question) else {
        throw record.error("question", found: "'\(question)'", expected: "'cause' or 'effect'")
      }
      let choices = [try record.text("choice1"), try record.text("choice2")]
      return [
        Example(
          fields: ["premise": try record.text("premise"), "question": question],
          choices: choices.map(startingLowerCase),
          label: try record.label(among: [ClassLabel("choice1", "0"), ClassLabel("choice2", "1")]),
          source: record.source)
      ]
    }
  ).with {
    $0.isLabelled = { $0.hasLabel("label") }
    $0.splitSize = .total(train: 300, dev: 100)
    $0.exampleRow = [
      "premise": "The ground was wet.", "choice1": "It had rained.", "choice2": "The sun was shining.",
      "question": "cause", "label": 0,
    ]
  }

  /// The sentence with its first word in lower case, unless that is `I`.
  @Sendable private static func startingLowerCase(_ sentence: String) -> String {
    let word = sentence.prefix { $0 != " " }
    return word == "I" ? sentence : word.lowercased() + sentence.dropFirst(word.count)
  }
}
