/// An example as tokens for a causal model: the prompt once, and the candidates that may follow it.
public struct EncodedExample: Sendable, Hashable {
  /// The tokens of the prompt, with special tokens in front.
  public var prompt: [Int]
  /// The tokens of each candidate, at least one, in the order of the labels.
  public var candidates: [[Int]]
  /// The index of the right candidate.
  public var label: Int
  /// What was left out of the prompt so that it fits.
  public var cut = PromptCut()

  /// An example of a prompt, its candidates and the right one.
  public init(prompt: [Int], candidates: [[Int]], label: Int) {
    self.prompt = prompt
    self.candidates = candidates
    self.label = label
  }
}

/// A question as tokens for a causal model that generates the answer.
public struct EncodedQuestion: Sendable, Hashable {
  /// The tokens of the prompt, with special tokens in front. They do not depend on the gold answers.
  public var prompt: [Int]
  /// The gold answers in text.
  public var answers: [String]
  /// When a generated answer ends.
  public var end = AnswerEnd()
  /// What was left out of the prompt so that it fits.
  public var cut = PromptCut()

  /// A question of a prompt and its gold answers.
  public init(prompt: [Int], answers: [String]) {
    self.prompt = prompt
    self.answers = answers
  }
}

/// What was left out of a prompt that is longer than the model or the task allows.
public struct PromptCut: Sendable, Hashable {
  /// The number of tokens that were cut off: on the left of a causal prompt, around a mask, or at the end of a
  /// sentence.
  public var tokens = 0
  /// The number of demonstrations that were left out.
  public var demonstrations = 0
  /// The number of exchanges at the beginning of a conversation that were left out.
  public var exchanges = 0
  /// The number of tokens that were cut off the end of an answer which alone is longer than the context.
  public var answer = 0

  /// Nothing was left out.
  public init() {}
}

/// An example as tokens for a masked model.
public struct EncodedMaskedExample: Sendable, Hashable {
  /// The tokens, special ones included.
  public var tokens: [Int]
  /// The index of the mask in `tokens`.
  public var maskPosition: Int
  /// The index of the right class.
  public var label: Int
  /// What was left out of the prompt so that it fits.
  public var cut = PromptCut()

  /// An example of tokens with a mask at `maskPosition`.
  public init(tokens: [Int], maskPosition: Int, label: Int) {
    self.tokens = tokens
    self.maskPosition = maskPosition
    self.label = label
  }
}

/// An example as tokens for a sentence encoder.
public struct EncodedSentence: Sendable, Hashable {
  /// The tokens, special ones included.
  public var tokens: [Int]
  /// The type of each token, for models that distinguish the texts of a pair; nil where all are of type 0.
  public var types: [Int]?
  /// The index of the right class.
  public var label: Int
  /// What was left out of the text so that it fits.
  public var cut = PromptCut()

  /// An example of tokens and the right class.
  public init(tokens: [Int], types: [Int]? = nil, label: Int) {
    self.tokens = tokens
    self.types = types
    self.label = label
  }
}

/// The function that converts text to tokens: a tokenizer's `encode(_:addSpecialTokens:)`.
public typealias TextEncoder = @Sendable (_ text: String, _ addSpecialTokens: Bool) -> [Int]

/// The special tokens that a model expects around a text. They are found by comparing the tokens of a word with and
/// without them.
public struct SpecialTokens: Sendable {
  var prefix: [Int] = []
  var suffix: [Int] = []

  /// The tokens of `text`, with the special tokens that a model expects in front of it.
  public static func inFront(of text: String, _ encode: TextEncoder) -> [Int] {
    SpecialTokens(of: encode).prefix + encode(text, false)
  }

  init(of encode: TextEncoder) {
    let plain = encode("the", false)
    let whole = encode("the", true)
    guard !plain.isEmpty, plain.count < whole.count else { return }
    for start in 0...whole.count - plain.count where Array(whole[start..<start + plain.count]) == plain {
      prefix = Array(whole[..<start])
      suffix = Array(whole[(start + plain.count)...])
      return
    }
  }
}
