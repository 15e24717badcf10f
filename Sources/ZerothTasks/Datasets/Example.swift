import ZerothSupport

/// The place of a row of data, to be named in errors and predictions.
public struct Source: Sendable, Hashable, CustomStringConvertible {
  /// The file's path as it was given.
  public let file: String
  /// The line on which the row starts, counted from 1.
  public let line: Int

  /// Line `line` of `file`.
  public init(file: String, line: Int) {
    self.file = file
    self.line = line
  }

  /// The place in the form `file line n`.
  public var description: String { "\(file) line \(line)" }
}

/// One example of a task: its named texts, and the right answer.
public struct Example: Sendable, Hashable {
  /// The texts from which prompts are made, such as `sentence`, or `premise` and `hypothesis`.
  public var fields: [String: String]
  /// The candidates of a multiple-choice example; empty where the task has label words.
  public var choices: [String]
  /// The gold answers of an example for generation. A model is trained on the first.
  public var answers: [String]
  /// The turns of a conversation; empty unless the task is a chat.
  public var messages: [ChatMessage] = []
  /// The row in the file, as an object of its columns; null unless a reward may use it.
  public var row: JSON = .null
  /// The index of the right class or choice; 0 where the answer is generated.
  public var label: Int
  /// The key that keeps examples together: examples with the same key are never in two splits. It is the whole text, or
  /// the passage that several examples share.
  public var splitKey: String
  /// The place from which the example was read.
  public var source: Source

  /// An example. Without a `splitKey`, its texts and choices are the key.
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

  /// The text called `name`; empty where there is none.
  public subscript(name: String) -> String { fields[name] ?? "" }
}
