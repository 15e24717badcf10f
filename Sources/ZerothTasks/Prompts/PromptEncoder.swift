import Zeroth
import ZerothSupport

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
///
/// **Chat.** For an instruct model demonstrations and prompt together are the user's message, without white space at its
/// ends, and the assistant's begins with the candidate. What the template puts around is never cut.
public struct PromptEncoder: Sendable {
  /// The task that makes the prompts.
  public let task: TextTask
  /// The most tokens of prompt and candidate together.
  public let contextLength: Int
  private let encode: TextEncoder
  private let prefix: [Int]
  private let chat: (head: String, tail: String)?
  /// The tokens that the template puts in front of a message and behind it.
  private let around: (head: [Int], tail: Int)
  private let prompt: @Sendable (Example) -> String
  /// What follows each candidate of a task whose answers end with a token.
  private let end: [Int]
  /// When a generated answer ends.
  private let answerEnd: AnswerEnd

  /// An encoder of `task` for a model of `contextLength` positions.
  ///
  /// - Parameters:
  ///   - task: what is asked.
  ///   - contextLength: the positions of the model.
  ///   - end: the tokens that end an answer, where the task says that they do.
  ///   - template: what stands around a prompt; nil for the prompt alone, behind the tokenizer's special tokens.
  ///   - encode: the tokenizer's `encode(_:addSpecialTokens:)`.
  ///   - id: the tokenizer's `id(of:)`.
  /// - Throws: `InputError` when the task has no prompt for causal models, and for a template whose first token is none of
  ///   the tokenizer's.
  public init(
    task: TextTask, contextLength: Int, end: [Int] = [], chat template: ChatTemplate? = nil,
    encode: @escaping TextEncoder, id: (String) -> Int? = { _ in nil }
  ) throws(InputError) {
    guard let prompt = task.prompt else {
      throw InputError("task \(task.name)", found: "no prompt for causal models", expected: "a masked model or encoder")
    }
    self.task = task
    self.contextLength = contextLength
    self.encode = encode
    self.prompt = prompt
    self.end = task.endsWithToken ? end : []
    answerEnd = template.map { task.answerEnd.orMark(of: $0, encode: encode) } ?? task.answerEnd
    guard let template else {
      chat = nil
      around = ([], 0)
      prefix = SpecialTokens(of: encode).prefix
      return
    }
    let start = try template.start(encode, id)
    prefix = start.tokens
    let head = start.text + template.head
    chat = (head, template.tail)
    around = (encode(head, false), encode(template.tail, false).count)
  }

  /// The tokens of `example` after as many of the last `demonstrations` as fit.
  ///
  /// Throws `InputError` naming the example's file and line when a candidate alone fills the context; one of a task whose answers
  /// end with a token loses its end instead.
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
    var encoded = EncodedExample(prompt: [], candidates: [], label: 0)
    // A long answer leaves a token of the prompt.
    let longest = task.endsWithToken ? contextLength - prefix.count - 1 : .max
    var lost = 0
    var cut = try fit(demonstrations, to: example) { text in
      encoded = split(text, candidates)
      for (index, candidate) in encoded.candidates.enumerated() {
        lost = max(0, candidate.count + end.count - longest)
        encoded.candidates[index] = lost > 0 ? Array(candidate.prefix(longest)) : candidate + end
      }
      return (encoded.prompt, encoded.candidates.map(\.count).max() ?? 0)
    }
    cut.answer = lost
    encoded.prompt = try shortened(encoded.prompt, by: cut, of: example)
    try requirePrompt(encoded.prompt, of: example)
    encoded.label = example.label
    encoded.cut = cut
    return encoded
  }

  /// The tokens of `example`'s prompt alone, for a model that generates the answer, after as many of the last
  /// `demonstrations` as fit.
  ///
  /// Throws `InputError` naming the example's file and line when an answer of full length alone fills the context.
  public func question(
    _ example: Example, demonstrations: [Example] = []
  ) throws(InputError) -> EncodedQuestion {
    var question = EncodedQuestion(prompt: [], answers: example.answers)
    question.end = answerEnd
    question.cut = try fit(demonstrations, to: example) { text in
      question.prompt = encode(text.trailingSpacesDropped, false)
      return (question.prompt, 0)
    }
    question.prompt = try shortened(question.prompt, by: question.cut, of: example)
    try requirePrompt(question.prompt, of: example)
    return question
  }

  /// Calls `tokens`, which encodes a text into a prompt and tells the longest candidate, on fewer and fewer demonstrations
  /// until the prompt fits. Returns how much it still has to lose, and how many demonstrations were left out.
  private func fit(
    _ demonstrations: [Example], to example: Example, tokens: (String) -> (prompt: [Int], candidate: Int)
  ) throws(InputError) -> PromptCut {
    var kept = demonstrations[...]
    var cut = PromptCut()
    while true {
      let (prompt, candidate) = tokens(text(of: example, after: kept))
      let room = contextLength - prefix.count - (task.kind.isAnswered ? max(candidate, answer) : candidate)
      var surplus = prompt.count - room
      if surplus <= 0 || kept.isEmpty {
        guard room > 0 else {
          throw InputError(
            "\(example.source)", found: "a candidate of \(contextLength - prefix.count - room) tokens",
            expected: "one that fits into \(contextLength) tokens with its prompt")
        }
        cut.tokens = max(0, surplus)
        cut.demonstrations = demonstrations.count - kept.count
        return cut
      }
      // Drops at least one, and as many as surely have to go: the blank line after each is at most a few tokens.
      repeat {
        surplus -= encode(demonstration(kept.removeFirst()), false).count + 4
      } while surplus > 0 && !kept.isEmpty
    }
  }

  /// Tokens that are left for a generated answer.
  private var answer: Int {
    task.endsWithToken ? min(task.answerEnd.length, contextLength / 2) : task.answerEnd.length
  }

  /// `prompt` without the tokens of `cut`, which go on the left of the message, behind the special tokens.
  private func shortened(_ prompt: [Int], by cut: PromptCut, of example: Example) throws(InputError) -> [Int] {
    let kept = zip(around.head, prompt).prefix { $0 == $1 }.count
    guard chat == nil || cut.tokens == 0 || cut.tokens <= prompt.count - kept - around.tail else {
      throw InputError(
        "\(example.source)", found: "a chat of \(kept) tokens in front of the message and \(around.tail) behind it",
        expected: "room for them, a message and an answer in \(contextLength) tokens")
    }
    return prefix + prompt[..<kept] + prompt[kept...].dropFirst(cut.tokens)
  }

  /// The first token of a candidate is predicted by the prompt's last, which so must be there.
  private func requirePrompt(_ prompt: [Int], of example: Example) throws(InputError) {
    guard prompt.isEmpty else { return }
    throw InputError(
      "\(example.source)", found: "a prompt without tokens", expected: "at least one token of this model's vocabulary")
  }

  /// The text of the demonstrations and the prompt.
  private func text(of example: Example, after demonstrations: ArraySlice<Example>) -> String {
    let text = (demonstrations.map(demonstration) + [prompt(example)]).joined(separator: "\n\n")
    return chat.map { $0.head + text.trimmed + $0.tail } ?? text
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
}

extension String {
  /// The string without the spaces at its end; line ends stay.
  fileprivate var trailingSpacesDropped: String {
    var text = self[...]
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
