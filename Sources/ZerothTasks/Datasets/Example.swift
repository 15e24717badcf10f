import ZerothSupport

/// Where a row of data stands, so that an error or a prediction can point at it.
public struct Source: Sendable, Hashable, CustomStringConvertible {
  /// The file's path as it was given.
  public let file: String
  /// The line that the row starts on, from 1.
  public let line: Int

  /// Line `line` of `file`.
  public init(file: String, line: Int) {
    self.file = file
    self.line = line
  }

  /// `file line n`.
  public var description: String { "\(file) line \(line)" }
}

/// One example of a task: its texts by name, and what is right.
public struct Example: Sendable, Hashable {
  /// The texts that prompts are made of, such as `sentence`, or `premise` and `hypothesis`.
  public var fields: [String: String]
  /// The candidates of a multiple-choice example; empty where the task has label words.
  public var choices: [String]
  /// The gold answers of a generation example, the first of which is trained on.
  public var answers: [String]
  /// The turns of a conversation; empty unless the task is one of chats.
  public var messages: [ChatMessage] = []
  /// The row as the file has it, an object of its columns; null unless a reward may look at it.
  public var row: JSON = .null
  /// The index of the right class or choice; 0 where the answer is generated.
  public var label: Int
  /// Examples with the same key never meet in two splits: the whole text, or the passage that several examples share.
  public var splitKey: String
  /// Where the example was read.
  public var source: Source

  /// An example. Without a `splitKey`, it is its texts and choices.
  public init(
    fields: [String: String], choices: [String] = [], answers: [String] = [], label: Int, splitKey: String? = nil,
    source: Source
  ) {
    self.fields = fields
    self.choices = choices
    self.answers = answers
    self.label = label
    self.splitKey =
      splitKey
      ?? (fields.sorted { $0.key < $1.key }.map(\.value) + choices).joined(separator: "\u{1F}")
    self.source = source
  }

  /// The text called `name`, empty when there is none.
  public subscript(name: String) -> String { fields[name] ?? "" }
}
