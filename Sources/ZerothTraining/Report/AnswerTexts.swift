import ZerothSupport
import ZerothTasks

extension TaskResult {
  /// The answer to each of `examples`, in the order of the result, as a text for people: the name of the class in data
  /// files, the chosen candidate, or the generated text. Nil where there is no answer.
  func answerTexts(_ examples: [Example]) -> [String?] {
    switch answers {
    case .candidates(let found):
      zip(examples, found.predictions).map { example, prediction in
        prediction.map { task.name(of: $0, in: example) }
      }
    case .generated(let found): found.answers
    case .texts(let found): found.answers?.answers ?? examples.map { _ in nil }
    case .rewarded(let found): found.answers
    }
  }
}

extension TextTask {
  /// The name of candidate `index` of `example`: the name of its class in data files, or its text.
  fileprivate func name(of index: Int, in example: Example) -> String {
    if classes.indices.contains(index) { return classes[index].names.first ?? classes[index].word }
    return example.choices.indices.contains(index) ? example.choices[index].trimmingPrefix(" ").description : "\(index)"
  }

  /// The question of `example` for people: the prompt, or the texts where there is no prompt.
  func question(_ example: Example) -> String {
    if let user = example.messages.last(where: { $0.role == .user }) { return user.content }
    return prompt?(example) ?? text(of: example)
  }

  /// The right answer, for people.
  func expected(_ example: Example) -> String {
    switch kind {
    case .classification, .multipleChoice: name(of: example.label, in: example)
    case .generation, .reward: example.answers.first.map { String($0.trimmingPrefix(" ")) } ?? ""
    case .chat: example.messages.last { $0.role == .assistant }?.content ?? ""
    case .text: ""
    }
  }
}
