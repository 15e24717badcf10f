import Zeroth

/// Converts examples to tokens for a masked model.
///
/// The texts before and after the mask are tokenised separately. Where they are too long, first the text before the
/// mask is cut on its left, and then the text after it on its right, so the mask always stays.
public struct MaskedPromptEncoder: Sendable {
  /// The task that makes the prompts.
  public let task: TextTask
  /// The most tokens, special ones and the mask included.
  public let maximalLength: Int
  /// The token of each class's label word, in label order.
  public let labelWords: [Int]
  private let mask: Int
  private let encode: TextEncoder
  private let special: SpecialTokens
  private let prompt: @Sendable (Example) -> MaskedPrompt

  /// An encoder of `task` for a model of `contextLength` positions. It also keeps to the task's own limit of the
  /// length.
  ///
  /// - Parameters:
  ///   - task: the task.
  ///   - contextLength: the positions of the model.
  ///   - mask: the id of the mask token.
  ///   - encode: the tokenizer's `encode(_:addSpecialTokens:)`.
  /// - Throws: `InputError` when the task has no masked prompt or a label word is not a single token.
  public init(task: TextTask, contextLength: Int, mask: Int, encode: @escaping TextEncoder) throws(InputError) {
    guard let prompt = task.masked else {
      throw InputError("task \(task.name)", found: "no prompt for masked models", expected: "a causal model")
    }
    self.task = task
    self.mask = mask
    self.encode = encode
    self.prompt = prompt
    special = SpecialTokens(of: encode)
    maximalLength = min(contextLength, task.maskedLength)
    guard maximalLength > special.prefix.count + special.suffix.count + 1 else {
      throw InputError("context length", found: "\(contextLength)", expected: "room for the mask and a text")
    }
    var words: [Int] = []
    for label in task.classes {
      // In running text the word stands behind a space, so it is encoded with one even where the prompt has none before
      // the mask.
      let tokens = encode(" \(label.word)", false)
      guard tokens.count == 1 else {
        throw InputError(
          "task \(task.name): label word '\(label.word)'", found: "\(tokens.count) tokens of this model's vocabulary",
          expected: "a single one")
      }
      words += tokens
    }
    labelWords = words
  }

  /// The tokens of `example` with its mask.
  public func encode(_ example: Example) -> EncodedMaskedExample {
    let prompt = prompt(example)
    let room = maximalLength - special.prefix.count - special.suffix.count - 1
    let (wholeBefore, wholeAfter) = (encode(prompt.before, false), encode(prompt.after, false))
    let after = wholeAfter.prefix(room)
    let before = wholeBefore.suffix(room - after.count)
    var encoded = EncodedMaskedExample(
      tokens: special.prefix + before + [mask] + after + special.suffix,
      maskPosition: special.prefix.count + before.count, label: example.label)
    encoded.cut.tokens = wholeBefore.count + wholeAfter.count - before.count - after.count
    return encoded
  }
}
