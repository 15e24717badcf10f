import Zeroth
import ZerothSupport

/// Converts examples to tokens for a causal model.
///
/// **The boundary between prompt and candidate.** Prompt and candidate are tokenised as one string, because that is how
/// a model saw such texts in its training: in `It was great` the space belongs to the token ` great`. The tokens of the
/// prompt are the longest prefix of tokens that is common to the strings of all candidates and to the prompt alone
/// without its trailing spaces. The remaining tokens belong to the candidate. So a token that reaches across the
/// boundary belongs to the candidate, and every candidate has at least one token.
///
/// **Length.** A prompt is cut on the left to the length that the longest candidate (for generation, 50 new tokens)
/// leaves of the context. Special tokens stay in front. Nothing is appended behind the candidate.
///
/// **In-context learning.** Demonstrations stand in front of the prompt, separated by a blank line. Each is a prompt
/// with its right candidate. Where the context is too small, whole demonstrations are left out from the left before the
/// prompt itself is cut.
///
/// **Chat.** For an instruct model, the demonstrations and the prompt together are the user's message, without white
/// space at its ends, and the assistant's message begins with the candidate. The texts of the template around them are
/// never cut.
public struct PromptEncoder: Sendable {
  /// The task that makes the prompts.
  public let task: TextTask
  /// The most tokens of prompt and candidate together.
  public let contextLength: Int
  private let encode: TextEncoder
  private let prefix: [Int]
  private let chat: (head: String, tail: String)?
  /// The tokens that the template puts in front of a message, and the number of tokens that it puts behind the message.
  private let around: (head: [Int], tail: Int)
  private let prompt: @Sendable (Example) -> String
  /// The token that follows each candidate, for a task whose answers end with a token; else empty.
  private let end: [Int]
  /// When a generated answer ends.
  private let answerEnd: AnswerEnd

  /// An encoder of `task` for a model of `contextLength` positions.
  ///
  ///   - task: the task.
  ///   - task: what is asked.
  ///   - contextLength: the positions of the model.
  ///   - end: the tokens that end an answer, for a task that uses them.
  ///   - template: the chat template around a prompt. Where it is nil, the prompt stands alone, behind the tokenizer's
  ///     special tokens.
  ///   - encode: the tokenizer's `encode(_:addSpecialTokens:)`.
  ///   - id: the tokenizer's `id(of:)`.
  /// - Throws: `InputError` when the task has no prompt for causal models, and for a template whose first token does
  ///   not exist in the tokenizer.
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

  /// The tokens of `example`, behind as many of the last `demonstrations` as fit.
  ///
  /// Throws an `InputError` that names the example's file and line when a candidate alone fills the context. In a task
  /// whose answers end with a token, the candidate loses its end instead.
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
    // A long answer has to leave room for at least one token of the prompt.
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

  /// The tokens of the prompt of `example` without an answer, for a model that generates the answer, behind as many of
  /// the last `demonstrations` as fit.
  ///
  /// Throws an `InputError` that names the example's file and line when an answer of full length alone fills the
  /// context.
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

  /// Calls `tokens` with fewer and fewer demonstrations until the prompt fits. `tokens` encodes a text as a prompt and
  /// gives the length of the longest candidate. Returns how many tokens the prompt still has to lose, and how many
  /// demonstrations were left out.
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
      // Leaves out at least one demonstration, and as many as certainly have to go: the blank line behind each is at
      // most a few tokens.
      repeat {
        surplus -= encode(demonstration(kept.removeFirst()), false).count + 4
      } while surplus > 0 && !kept.isEmpty
    }
  }

  /// The number of tokens that are left for a generated answer.
  private var answer: Int {
    task.endsWithToken ? min(task.answerEnd.length, contextLength / 2) : task.answerEnd.length
  }

  /// `prompt` without the tokens that `cut` counts. They are removed from the left of the message, behind the special
  /// tokens.
  private func shortened(_ prompt: [Int], by cut: PromptCut, of example: Example) throws(InputError) -> [Int] {
    let kept = zip(around.head, prompt).prefix { $0 == $1 }.count
    guard chat == nil || cut.tokens == 0 || cut.tokens <= prompt.count - kept - around.tail else {
      throw InputError(
        "\(example.source)", found: "a chat of \(kept) tokens in front of the message and \(around.tail) behind it",
        expected: "room for them, a message and an answer in \(contextLength) tokens")
    }
    return prefix + prompt[..<kept] + prompt[kept...].dropFirst(cut.tokens)
  }

  /// Throws `InputError` for an empty prompt, because the first token of a candidate is predicted by the last token of
  /// the prompt.
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

  /// The prompt and the right candidate of an example, without white space at its ends.
  private func demonstration(_ example: Example) -> String {
    let candidates = task.candidates(of: example)
    return (prompt(example) + (candidates.indices.contains(example.label) ? candidates[example.label] : "")).trimmed
  }

  /// Divides the tokens of prompt and candidates at their boundary.
  private func split(_ prompt: String, _ candidates: [String]) -> EncodedExample {
    let own = encode(prompt.trailingSpacesDropped, false)
    let wholes = candidates.map { encode(prompt + $0, false) }
    var shared = wholes.reduce(own.count) { min($0, $1.count - 1) }
    for whole in wholes { shared = zip(own, whole).prefix(max(shared, 0)).prefix { $0 == $1 }.count }
    return EncodedExample(prompt: Array(own[..<shared]), candidates: wholes.map { Array($0[shared...]) }, label: 0)
  }
}

extension String {
  /// The string without the spaces at its end. Line ends stay.
  fileprivate var trailingSpacesDropped: String {
    var text = self[...]
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
