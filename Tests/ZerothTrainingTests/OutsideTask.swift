import ZerothTasks

extension TextTask {
  /// A task of a user, from the public API alone: which of any number of words a riddle means.
  static let riddles = TextTask(
    name: "riddles",
    summary: "the word that a riddle means, out of a few",
    kind: .multipleChoice,
    metrics: [.accuracy],
    prompt: { "\($0["riddle"]) It is " },
    read: { record in
      let choices = try record.texts("choices")
      let word = try record.text("answer")
      guard let label = choices.firstIndex(of: word) else {
        throw record.error("answer", found: "'\(word)'", expected: "one of the choices")
      }
      return [
        Example(
          fields: ["riddle": try record.text("riddle")], choices: choices, label: label, source: record.source)
      ]
    }
  ).with { $0.splitSize = .total(train: 8, dev: 4) }
}
