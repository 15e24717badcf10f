import Zeroth

/// Converts examples to tokens for a sentence encoder, whose classification head starts from embedded sentences.
public struct SentenceEncoder: Sendable {
  /// The task that the texts are of.
  public let task: TextTask
  /// The most tokens, special ones included. A longer text loses its end.
  public let maximalLength: Int
  private let encode: TextEncoder
  private let special: SpecialTokens
  private let labelSentence: @Sendable (ClassLabel) -> String

  /// An encoder of `task` for a model of `contextLength` positions. It also keeps to the task's own limit of the
  /// length.
  ///
  /// - Parameters:
  ///   - task: the task.
  ///   - contextLength: the positions of the model.
  ///   - encode: the tokenizer's `encode(_:addSpecialTokens:)`.
  /// - Throws: `InputError` when the task has no label sentences.
  public init(task: TextTask, contextLength: Int, encode: @escaping TextEncoder) throws(InputError) {
    guard let labelSentence = task.labelSentence else {
      throw InputError("task \(task.name)", found: "no label sentences for encoders", expected: "a causal model")
    }
    self.labelSentence = labelSentence
    self.task = task
    self.encode = encode
    special = SpecialTokens(of: encode)
    maximalLength = min(contextLength, task.maskedLength)
    guard maximalLength > special.prefix.count + special.suffix.count else {
      throw InputError("context length", found: "\(contextLength)", expected: "room for a text")
    }
  }

  /// The tokens of the example's texts.
  public func encode(_ example: Example) -> EncodedSentence {
    let text = encode(task.text(of: example), false)
    var encoded = EncodedSentence(tokens: whole(text), label: example.label)
    encoded.cut.tokens = max(0, text.count - room)
    return encoded
  }

  /// The tokens of each class's sentence, in label order.
  public var labelSentences: [[Int]] { task.classes.map { whole(encode(labelSentence($0), false)) } }

  private var room: Int { maximalLength - special.prefix.count - special.suffix.count }

  private func whole(_ text: [Int]) -> [Int] { special.prefix + text.prefix(room) + special.suffix }
}
