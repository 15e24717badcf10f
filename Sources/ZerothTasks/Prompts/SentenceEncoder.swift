import Zeroth

/// Turns examples into the tokens of a sentence encoder, whose classification head starts from embedded sentences.
public struct SentenceEncoder: Sendable {
  /// The task that the texts are of.
  public let task: TextTask
  /// The most tokens, special ones included; longer texts lose their end.
  public let maximalLength: Int
  private let encode: TextEncoder
  private let special: SpecialTokens

  /// An encoder of `task` for a model of `contextLength` positions, cut to the task's length.
  ///
  /// - Parameter encode: the tokenizer's `encode(_:addSpecialTokens:)`.
  /// - Throws: `InputError` when the task is not a classification.
  public init(task: TextTask, contextLength: Int, encode: @escaping TextEncoder) throws(InputError) {
    guard task.kind == .classification else {
      throw InputError("task \(task.name)", found: "no classes", expected: "a classification for a sentence encoder")
    }
    self.task = task
    self.encode = encode
    special = SpecialTokens(of: encode)
    maximalLength = min(contextLength, task.maskedLength)
    guard maximalLength > special.prefix.count + special.suffix.count else {
      throw InputError("context length", found: "\(contextLength)", expected: "room for a text")
    }
  }

  /// The tokens of the example's texts.
  public func encode(_ example: Example) -> [Int] { tokens(of: task.text(of: example)) }

  /// The tokens of each class's sentence, in label order.
  public var labelSentences: [[Int]] { task.classes.map { tokens(of: task.labelSentence($0)) } }

  private func tokens(of text: String) -> [Int] {
    let room = maximalLength - special.prefix.count - special.suffix.count
    return special.prefix + encode(text, false).prefix(room) + special.suffix
  }
}
