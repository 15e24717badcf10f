import ArgumentParser
import Foundation
import Zeroth
import ZerothModels
import ZerothResources
import ZerothSupport
import ZerothTasks
import ZerothTraining

struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Let a model go on: after a prompt, after each line of standard input, or in a conversation.",
    discussion: """
      The text is printed as it comes, and ends at a token that ends a text, or after --max-tokens. In a terminal without a \
      prompt it is a conversation, if the model has a chat template; an empty line or Ctrl-D ends it.
      """)

  @Option(help: .option("model", "path"), completion: .file())
  var model: String
  @Option(help: .peft, completion: .directory)
  var peft: String?
  @Flag(help: "Ask the model as an assistant, in the format of its chat template.")
  var chat = false
  @Option(parsing: .unconditional, help: "The prompt. Default: each line of standard input is one.")
  var prompt: String?
  @Option(parsing: .unconditional, help: "Tokens that are generated, at most.")
  var maxTokens = 128
  @Option(
    parsing: .unconditional,
    help: "0 takes the most likely token; above, tokens are drawn by softmax(logits / temperature).")
  var temperature = 0.0
  @Option(
    parsing: .unconditional,
    help: "With a temperature, the part of the probability that is drawn from, the most likely first.")
  var topP = 1.0
  @Option(parsing: .unconditional, help: "The seed that tokens are drawn by; each prompt has numbers of its own.")
  var seed = 0
  @Option(
    help: "Another model, such as the base of the first, whose answers stand beside those of the first. Default: none.",
    completion: .file())
  var compare: String?
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    try require("--max-tokens", maxTokens, "at least 1") { $0 >= 1 }
    try require("--seed", seed, "at least 0") { $0 >= 0 }
    guard topP == 1 || temperature != 0 else {
      throw InputError("--top-p", found: "\(topP) at temperature 0", expected: "it with --temperature above 0")
    }
    _ = try TokenSampler(temperature: temperature, topP: topP, StreamKey(seed: 0))
    try threads.apply()
    let isTerminal = prompt == nil && isatty(STDIN_FILENO) == 1
    let tuned = try Speaker(model, peft: peft, chat: chat ? .required : isTerminal ? .ifThere : .none)
    if isTerminal, !chat, tuned.chat == nil {
      StandardStreams.tell("\(model) has no chat template: each line is continued alone\n")
    }
    let base = try compare.map { try Speaker($0, peft: nil, chat: tuned.chat == nil ? .none : .required) }
    var count = 0
    var isFinite = true
    if let prompt {
      isFinite = try answer(prompt, [], 0, tuned, base).isFinite
    } else {
      var history: [ChatMessage] = []
      var lines = InputLines()
      var number = 0
      while let line = try next(&lines, number + 1, isTerminal) {
        number += 1
        if line.trimmingCharacters(in: .whitespaces).isEmpty {
          if isTerminal { break }
          StandardStreams.tell("line \(number) of standard input is empty, and is no prompt\n")
          continue
        }
        let (said, isAnswerFinite) = try answer(line, history, count, tuned, base)
        isFinite = isFinite && isAnswerFinite
        if isTerminal, tuned.chat != nil { history += [ChatMessage(.user, line), ChatMessage(.assistant, said)] }
        count += 1
      }
      guard count > 0 || isTerminal else {
        throw InputError("standard input", found: "no prompt", expected: "one in each line, or --prompt")
      }
    }
    guard isFinite else { throw ExitCode(1) }
  }

  /// Line `number` of standard input without its line feed, or nil after the last line. Throws an `InputError` for a
  /// line that is not UTF-8.
  private func next(_ lines: inout InputLines, _ number: Int, _ isTerminal: Bool) throws -> String? {
    if isTerminal { StandardStreams.tell("> ") }
    guard var line = lines.next() else { return nil }
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    guard let text = String(validating: line, as: UTF8.self) else {
      throw InputError("line \(number) of standard input", found: "bytes that are not UTF-8", expected: "text in UTF-8")
    }
    return text
  }

  /// Prints what the models say to `prompt`, after the `history` of a conversation. Returns the text of the first
  /// model, and whether the output of all models was finite.
  private func answer(
    _ prompt: String, _ history: [ChatMessage], _ index: Int, _ tuned: Speaker, _ base: Speaker?
  ) throws -> (text: String, isFinite: Bool) {
    func said(by speaker: Speaker, _ write: (String) -> Void) throws -> Speech {
      // Both models draw with the same random numbers.
      let sampler = try TokenSampler(
        temperature: temperature, topP: topP, StreamKey(seed: UInt64(seed)).child(.batch, index))
      return try speaker.say(prompt, after: history, maxTokens: maxTokens, by: sampler, write: write)
    }
    let isStreamed = !output.json && base == nil
    let first = try said(by: tuned) { text in
      guard isStreamed else { return }
      print(text, terminator: "")
      try? StandardStreams.flushOutput()
    }
    let second = try base.map { try said(by: $0) { _ in } }
    if isStreamed {
      print()
    } else if output.json {
      var members = [JSON.Member("prompt", .string(prompt))] + first.members
      if let second { members.append(.init("compared", .object(second.members))) }
      // With `--prompt` there is one JSON document, over several lines. Otherwise each prompt gives a document on one
      // line.
      print(self.prompt == nil ? JSON.object(members).description : JSON.object(members).pretty)
    } else if let second {
      let columns = [(compare ?? "", second.text), (peft.map { "\(model) + \($0)" } ?? model, first.text)]
      print(SideBySide.text(columns, width: Self.width), terminator: "")
    }
    let broken = [first, second].compactMap(\.self).filter { $0.end == .notFinite }
    for speech in broken {
      StandardStreams.tell(
        "\(ZerothTool.name): an answer ends after \(speech.tokens) tokens, as the model's output is not finite\n")
    }
    return (first.text, broken.isEmpty)
  }

  /// The width of the terminal in characters, or 100 if it is unknown or at most 20.
  private static var width: Int {
    StandardStreams.width(of: STDOUT_FILENO).flatMap { $0 > 20 ? $0 : nil } ?? 100
  }
}

/// Reads standard input line by line, as bytes.
private struct InputLines {
  private var bytes: [UInt8] = []
  private var isAtEnd = false

  /// The next line without its line feed; nil after the last line.
  mutating func next() -> [UInt8]? {
    while true {
      if let end = bytes.firstIndex(of: UInt8(ascii: "\n")) {
        defer { bytes.removeFirst(end + 1) }
        return Array(bytes[..<end])
      }
      if isAtEnd {
        defer { bytes = [] }
        return bytes.isEmpty ? nil : bytes
      }
      var part = [UInt8](repeating: 0, count: 1 << 16)
      let count = read(STDIN_FILENO, &part, part.count)
      if count < 0, errno == EINTR { continue }
      isAtEnd = count <= 0
      bytes += part.prefix(max(0, count))
    }
  }
}

/// Puts two texts beside each other, each under its heading, and wraps them at words.
enum SideBySide {
  static func text(_ columns: [(heading: String, text: String)], width: Int) -> String {
    let room = max(16, (width - 3 * (columns.count - 1)) / max(1, columns.count))
    let lines = columns.map { column in
      let heading = wrapped(column.heading.printable(), room)
      return heading + [String(repeating: "-", count: room)] + wrapped(column.text, room)
    }
    return (0..<(lines.map(\.count).max() ?? 0)).map { row in
      let cells = lines.map { row < $0.count ? $0[row] : "" }
      let padded = cells.dropLast().map { $0 + String(repeating: " ", count: max(0, room - Table.width(of: $0))) }
      return (padded + cells.suffix(1)).joined(separator: " | ") + "\n"
    }.joined()
  }

  /// `text` in lines of at most `room` characters, cut at spaces where possible.
  private static func wrapped(_ text: String, _ room: Int) -> [String] {
    text.split(separator: "\n", omittingEmptySubsequences: false).flatMap { line -> [String] in
      var lines = [""]
      for word in line.split(separator: " ", omittingEmptySubsequences: false) {
        var rest = word.description.printable()
        let last = lines[lines.count - 1]
        if !last.isEmpty, Table.width(of: last) + 1 + Table.width(of: rest) <= room {
          lines[lines.count - 1] = last + " " + rest
          continue
        }
        if !last.isEmpty { lines.append("") }
        while rest.count > room {
          lines[lines.count - 1] = String(rest.prefix(room))
          lines.append("")
          rest = String(rest.dropFirst(room))
        }
        lines[lines.count - 1] = rest
      }
      return lines
    }
  }
}
