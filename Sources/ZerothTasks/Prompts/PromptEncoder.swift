import Zeroth

/// Turns examples into the tokens that a causal model is asked.
///
/// **The boundary between prompt and candidate.** Prompt and candidate are tokenised as one string, since a model has
/// never seen the text cut otherwise: in `It was great` the space belongs to the token ` great`. The prompt's part is the
/// longest token prefix that all the candidates' strings share with the prompt's own text without its trailing spaces;
/// what follows is the candidate's. A tokenizer that merges across the boundary so leaves the merged token to the
/// candidate, and every candidate keeps at least one token.
///
/// **Length.** Prompts are cut on the left to what the longest candidate (for generation, 50 new tokens) leaves of the
/// context; special tokens stay in front. Nothing is appended after the candidate.
///
/// **In-context learning.** Demonstrations, each a prompt with its right candidate, stand in front, separated by a blank
/// line. Where the context is too small, whole demonstrations are dropped from the left before the prompt itself is cut.
public struct PromptEncoder: Sendable {
  /// The task that makes the prompts.
  public let task: TextTask
  /// The most tokens of prompt and candidate together.
  public let contextLength: Int
  private let encode: TextEncoder
  private let prefix: [Int]
  private let prompt: @Sendable (Example) -> String

  /// An encoder of `task` for a model of `contextLength` positions.
  ///
  /// - Parameter encode: the tokenizer's `encode(_:addSpecialTokens:)`.
  /// - Throws: `InputError` when the task has no prompt for causal models.
  public init(task: TextTask, contextLength: Int, encode: @escaping TextEncoder) throws(InputError) {
    guard let prompt = task.prompt else {
      throw InputError("task \(task.name)", found: "no prompt for causal models", expected: "a masked model or encoder")
    }
    self.task = task
    self.contextLength = contextLength
    self.encode = encode
    self.prompt = prompt
    prefix = SpecialTokens(of: encode).prefix
  }

  /// The tokens of `example` after as many of the last `demonstrations` as fit.
  ///
  /// Throws `InputError` naming the example's file and line when a candidate alone fills the context.
  public func encode(
    _ example: Example, demonstrations: [Example] = []
  ) throws(InputError) -> EncodedExample {
    let candidates = task.candidates(of: example)
    guard candidates.indices.contains(example.label) else {
      throw InputError(
        "\(example.source)", found: "label \(example.label) of \(candidates.count) candidates",
        expected: "a label below \(candidates.count)")
    }
    guard candidates.allSatisfy({ !encode($0, false).isEmpty }) else {
      throw InputError(
        "\(example.source)", found: "a candidate without tokens among \(candidates)",
        expected: "at least one token of this model's vocabulary")
    }
    var kept = demonstrations[...]
    var encoded = split(text(of: example, after: kept), candidates)
    while !kept.isEmpty, room(for: encoded) < encoded.prompt.count {
      // Drops at least one, and as many as surely have to go: the blank line after each is at most a few tokens.
      var surplus = encoded.prompt.count - room(for: encoded)
      repeat {
        surplus -= encode(demonstration(kept.removeFirst()), false).count + 4
      } while surplus > 0 && !kept.isEmpty
      encoded = split(text(of: example, after: kept), candidates)
    }
    let room = room(for: encoded)
    guard room > 0 else {
      throw InputError(
        "\(example.source)", found: "a candidate of \(encoded.candidates.map(\.count).max() ?? 0) tokens",
        expected: "one that fits into \(contextLength) tokens with its prompt")
    }
    encoded.prompt = prefix + encoded.prompt.suffix(room)
    encoded.label = example.label
    return encoded
  }

  /// The text of the demonstrations and the prompt.
  private func text(of example: Example, after demonstrations: ArraySlice<Example>) -> String {
    (demonstrations.map(demonstration) + [prompt(example)]).joined(separator: "\n\n")
  }

  /// An example's prompt and right candidate, without white space at its ends.
  private func demonstration(_ example: Example) -> String {
    let candidates = task.candidates(of: example)
    return (prompt(example) + (candidates.indices.contains(example.label) ? candidates[example.label] : "")).trimmed
  }

  /// Splits the tokens of prompt and candidates at their boundary.
  private func split(_ prompt: String, _ candidates: [String]) -> EncodedExample {
    let own = encode(prompt.trailingSpacesDropped, false)
    let wholes = candidates.map { encode(prompt + $0, false) }
    var shared = wholes.reduce(own.count) { min($0, $1.count - 1) }
    for whole in wholes { shared = zip(own, whole).prefix(max(shared, 0)).prefix { $0 == $1 }.count }
    return EncodedExample(prompt: Array(own[..<shared]), candidates: wholes.map { Array($0[shared...]) }, label: 0)
  }

  /// How many tokens of the prompt fit.
  private func room(for encoded: EncodedExample) -> Int {
    let longest = encoded.candidates.map(\.count).max() ?? 0
    let answer = task.kind == .generation ? max(longest, TextTask.maximalAnswerLength) : longest
    return contextLength - prefix.count - answer
  }
}

extension String {
  /// The string without the spaces at its end; line ends stay.
  fileprivate var trailingSpacesDropped: String {
    var text = self[...]
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
