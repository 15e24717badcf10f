import Zeroth
import ZerothModels
import ZerothResources
import ZerothSupport
import ZerothTasks

/// The answer of a model to one prompt.
struct Speech {
  /// The reason why an answer ended.
  enum End: String {
    case token = "end token"
    case mark = "end mark"
    case length = "max-tokens"
    case context
    case notFinite = "not finite"
  }

  /// The text, without the text or token that ended it.
  var text: String
  /// The number of tokens of the prompt, and the number of tokens that were generated.
  var promptTokens, tokens: Int
  /// The reason why the answer ended.
  var end: End

  /// The answer as members of a JSON object.
  var members: [JSON.Member] {
    [
      .init("text", .string(text)), .init("prompt_tokens", .int(promptTokens)), .init("tokens", .int(tokens)),
      .init("end", .string(end.rawValue)),
    ]
  }
}

/// A causal model that continues a prompt, or answers it as an assistant.
final class Speaker {
  /// Whether prompts are put into the model's chat template.
  enum Chat {
    case none, ifThere, required
  }

  private let model: CausalModel
  private let tokenizer: any Tokenizer
  private let theta: ParameterStore
  /// The chat template that prompts are put into; nil for none.
  let chat: ChatTemplate?

  /// The model at `path`, with the adapter at `peft`. Throws an `InputError` for a model that is not causal, or that
  /// lacks a required chat template.
  init(_ path: String, peft: String?, chat: Chat) throws {
    let directory = try Embedded.modelDirectory(path)
    guard let model = try loadModel(directory: directory, families: ZerothTool.toolbox.families) as? CausalModel else {
      throw InputError(path, found: "a model that is not causal", expected: "one that generates texts")
    }
    if let peft { try model.attach(PEFTAdapter(directory: peft)) }
    self.model = model
    tokenizer = try loadTokenizer(directory: directory, for: model)
    switch chat {
    case .none: self.chat = nil
    case .ifThere: self.chat = try? loadChatTemplate(directory: directory)
    case .required: self.chat = try loadChatTemplate(directory: directory)
    }
    for note in model.folder.notes { StandardStreams.tell(note.printable() + "\n") }
    theta = try model.loadFrozenParameters()
  }

  /// The answer of the model to `prompt`, after the turns of `history`. `write` receives each part of the text as soon
  /// as it is ready.
  ///
  /// Throws an `InputError` for a prompt that leaves no room for a token.
  func say(
    _ prompt: String, after history: [ChatMessage], maxTokens: Int, by sampler: TokenSampler, write: (String) -> Void
  ) throws -> Speech {
    let (tokens, end) = try encode(prompt, history, maxTokens)
    let ends = model.endTokens.union(end.tokens)
    guard !tokens.isEmpty, tokens.count < model.context else {
      throw InputError(
        "prompt", found: "\(tokens.count) tokens",
        expected: "1 to \(model.context - 1), which leave room in the context")
    }
    var stream = StreamedText(tokenizer, after: tokens, end: end)
    let generated = try model.generate(tokens, count: maxTokens, at: theta, by: sampler) { generated in
      guard let last = generated.last, !ends.contains(last) else { return true }
      write(stream.take(generated))
      return stream.isEnded
    }
    guard let generated else {
      return Speech(text: stream.text, promptTokens: tokens.count, tokens: 0, end: .notFinite)
    }
    let isEnded = generated.last.map(ends.contains) ?? false
    write(stream.finish(Array(generated.dropLast(isEnded ? 1 : 0))))
    let reason: Speech.End =
      isEnded ? .token : stream.isEnded ? .mark : generated.count >= maxTokens ? .length : .context
    return Speech(text: stream.text, promptTokens: tokens.count, tokens: generated.count, end: reason)
  }

  /// The tokens of the prompt, and what ends an answer besides the end tokens of the model.
  private func encode(
    _ prompt: String, _ history: [ChatMessage], _ maxTokens: Int
  ) throws -> (tokens: [Int], end: AnswerEnd) {
    let encode: TextEncoder = { [tokenizer] in tokenizer.encode($0, addSpecialTokens: $1) }
    let end = AnswerEnd(length: maxTokens, texts: [])
    guard let chat else { return (SpecialTokens.inFront(of: prompt, encode), end) }
    var example = Example(fields: [:], label: 0, source: Source(file: "the conversation", line: history.count / 2 + 1))
    example.messages = history + [ChatMessage(.user, prompt)]
    let question = try ChatEncoder(
      chat, contextLength: model.context, end: end, encode: encode, id: tokenizer.id(of:)
    ).question(example)
    return (question.prompt, question.end)
  }
}

/// Turns tokens into text while they are generated. It gives a part of the text as soon as no later token can change
/// that part.
struct StreamedText {
  private let tokenizer: any Tokenizer
  /// The last tokens of the prompt. The new tokens are decoded behind them, because a tokenizer may drop a space at the
  /// very beginning.
  private let before: [Int]
  private let spelledBefore: String
  private let end: AnswerEnd
  /// The text that has been given so far.
  private(set) var text = ""
  /// Whether one of the texts that end an answer has come. That text itself is never given.
  private(set) var isEnded = false

  init(_ tokenizer: any Tokenizer, after prompt: [Int], end: AnswerEnd = AnswerEnd(texts: [])) {
    self.tokenizer = tokenizer
    self.end = end
    before = prompt.suffix(4)
    spelledBefore = tokenizer.decode(before)
  }

  /// The text of `tokens`, up to the text that ends it.
  private mutating func spelled(_ tokens: [Int]) -> String {
    let whole = tokenizer.decode(before + tokens)
    let spelled =
      whole.utf8.starts(with: spelledBefore.utf8)
      ? String(decoding: whole.utf8.dropFirst(spelledBefore.utf8.count), as: UTF8.self) : tokenizer.decode(tokens)
    guard let cut = end.cut(spelled) else { return spelled }
    isEnded = true
    return cut
  }

  /// The new part of the text of `tokens`. It stops before a character whose bytes are incomplete, and before bytes
  /// that may begin a text that ends the answer.
  mutating func take(_ tokens: [Int]) -> String {
    var whole = spelled(tokens)
    while whole.unicodeScalars.last == "\u{FFFD}" { whole.unicodeScalars.removeLast() }
    return give(isEnded ? whole : String(decoding: whole.utf8.dropLast(begun(whole)), as: UTF8.self))
  }

  /// The number of bytes at the end of `text` that may begin a text that ends the answer.
  private func begun(_ text: String) -> Int {
    end.texts.map { end in
      (1..<max(1, end.utf8.count)).last { text.utf8.suffix($0).elementsEqual(end.utf8.prefix($0)) } ?? 0
    }.max() ?? 0
  }

  /// The rest of the text, once `tokens` are complete.
  mutating func finish(_ tokens: [Int]) -> String { give(spelled(tokens)) }

  private mutating func give(_ whole: String) -> String {
    guard whole.utf8.count > text.utf8.count, whole.utf8.starts(with: text.utf8) else { return "" }
    let part = String(decoding: whole.utf8.dropFirst(text.utf8.count), as: UTF8.self)
    text = whole
    return part
  }
}
