import Zeroth

/// Converts examples to tokens for a checkpoint with its own sequence classifier, in the form in which such models are
/// trained: special tokens around one text, or around two texts with separators between them. Where a task has more
/// than two texts, they are joined to one.
public struct ClassifierEncoder: Sendable {
  /// The task that the texts are of.
  public let task: TextTask
  /// The most tokens, special ones included. Where two texts are too long, the longer one loses its end first.
  public let maximalLength: Int
  private let encode: TextEncoder
  private let special: SpecialTokens
  private let separators: Int
  private let hasTypes: Bool

  /// An encoder of `task` for a model of `contextLength` positions. It also keeps to the task's own limit of the
  /// length.
  ///
  /// - Parameters:
  ///   - task: the task.
  ///   - contextLength: the positions of the model.
  ///   - pairForm: the separators between two texts, and whether tokens of the second have type 1.
  ///   - encode: the tokenizer's `encode(_:addSpecialTokens:)`.
  /// - Throws: `InputError` where the task is not a classification of texts, and where the context has no room for
  ///   them.
  public init(
    task: TextTask, contextLength: Int, pairForm: (separators: Int, hasTypes: Bool), encode: @escaping TextEncoder
  ) throws(InputError) {
    guard task.kind == .classification, !task.textFields.isEmpty else {
      throw InputError("task \(task.name)", found: "no classification of texts", expected: "a causal model")
    }
    self.task = task
    self.encode = encode
    (separators, hasTypes) = pairForm
    special = SpecialTokens(of: encode)
    maximalLength = min(contextLength, task.maskedLength)
    guard maximalLength > special.prefix.count + (separators + 1) * special.suffix.count + 1 else {
      throw InputError("context length", found: "\(contextLength)", expected: "room for two texts")
    }
  }

  /// The tokens of the example's texts.
  public func encode(_ example: Example) -> EncodedSentence {
    guard task.textFields.count == 2 else {
      let text = encode(task.text(of: example), false)
      let room = maximalLength - special.prefix.count - special.suffix.count
      var encoded = EncodedSentence(
        tokens: special.prefix + text.prefix(room) + special.suffix, label: example.label)
      encoded.cut.tokens = max(0, text.count - room)
      return encoded
    }
    let texts = task.textFields.map { encode(example[$0], false) }
    let between = Array(repeating: special.suffix, count: separators).flatMap(\.self)
    let room = maximalLength - special.prefix.count - between.count - special.suffix.count
    var counts = texts.map(\.count)
    let surplus = max(0, counts[0] + counts[1] - room)
    for _ in 0..<surplus { counts[counts[1] >= counts[0] ? 1 : 0] -= 1 }
    let first = special.prefix + texts[0].prefix(counts[0]) + between
    let second = texts[1].prefix(counts[1]) + special.suffix
    var encoded = EncodedSentence(tokens: first + second, label: example.label)
    if hasTypes { encoded.types = first.map { _ in 0 } + second.map { _ in 1 } }
    encoded.cut.tokens = surplus
    return encoded
  }
}
