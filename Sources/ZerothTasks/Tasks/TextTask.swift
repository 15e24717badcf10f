import Zeroth
import ZerothSupport

/// A class of a classification task.
public struct ClassLabel: Sendable, Hashable {
  /// The word that stands for the class in a prompt, such as `great`.
  public let word: String
  /// How data files spell the class, such as `1`; the first is used in messages.
  public let names: [String]

  /// The class of `word`, spelt as one of `names` in files, or as the word where none are given.
  public init(_ word: String, _ names: String...) {
    self.word = word
    self.names = names.isEmpty ? [word] : names
  }
}

/// A prompt of a masked model: the mask stands between `before` and `after`.
public struct MaskedPrompt: Sendable, Hashable {
  /// The text in front of the mask.
  public var before: String
  /// The text after the mask.
  public var after: String

  /// The prompt `before<mask>after`.
  public init(_ before: String, _ after: String) {
    self.before = before
    self.after = after
  }
}

/// A task: how its rows are read, what a model is asked, and how its answers are measured.
///
/// A task is a value, made in a few lines also outside this package and put into a ``TaskRegistry``:
/// ```swift
/// let headlines = TextTask(
///   name: "headlines",
///   summary: "The section of a newspaper's headline",
///   columns: [["headline", "text"]],
///   classes: [ClassLabel("sport", "0"), ClassLabel("politics", "1")],
///   prompt: { "\($0["headline"]) This is about " })
/// ```
public struct TextTask: Sendable {
  /// What a model does for an answer.
  public enum Kind: String, Sendable {
    /// The label words are the candidates; trained by the cross-entropy over their scores.
    case classification
    /// Each example brings its candidates; trained by language modelling of the right one.
    case multipleChoice
    /// The answer is generated; trained by language modelling of the first gold answer.
    case generation
  }

  /// The name in lower case, letters and digits alone.
  public let name: String
  /// What is asked, in a few words.
  public let summary: String
  /// What a model does for an answer.
  public let kind: Kind
  /// The classes in label order; empty unless the task is a classification.
  public private(set) var classes: [ClassLabel] = []
  /// The measures, the first of which chooses and ranks.
  public let metrics: [Metric]
  /// Examples for train and dev.
  public var splitSize = SplitSize.total(train: 1000, dev: 500)
  /// The most test examples.
  public var testSize = 1000
  /// What the bytes of the task's files may be.
  public var encoding = TextEncoding.utf8
  /// The most tokens of a masked model's or sentence encoder's input.
  public var maskedLength = 128
  /// For each of these texts, the names that its column has in data files; the first is the field's.
  public private(set) var columns: [[String]] = []
  /// The names of the label's column in data files; empty unless the task is a classification.
  public private(set) var labelColumns: [String] = []
  /// A row as a data file has it, made up, from which `explain` shows how a model is asked. Nil where there is none:
  /// the prompt of a classification is then shown with the names of its fields.
  public var exampleRow: JSON?
  /// The fields that hold an example's texts, in their order; empty unless the task is a classification.
  public var textFields: [String] { columns.compactMap(\.first) }
  /// The columns whose names tell a table's header from its rows.
  public var columnNames: Set<String> { Set(columns.joined()).union(labelColumns) }
  /// The examples in a row of a file: mostly one; none where the row is to be skipped. Throws `InputError` on a bad row.
  public let read: @Sendable (Record) throws -> [Example]
  /// The prompt of a causal model, to which a candidate is appended as it is: it ends in a space or a line end.
  public let prompt: (@Sendable (Example) -> String)?
  /// The prompt of a masked model.
  public private(set) var masked: (@Sendable (Example) -> MaskedPrompt)?
  /// The sentence that says of a text that it is of a class, for encoders whose label head starts from embedded sentences.
  public private(set) var labelSentence: (@Sendable (ClassLabel) -> String)?

  /// The most tokens of a generated answer, which also ends at a line end.
  public static let maximalAnswerLength = 50

  /// A classification task, read from rows that hold its texts and a label.
  ///
  /// - Parameters:
  ///   - columns: for each text, the names that its column has in the task's files; the first is the field's name.
  ///   - labelColumns: the names of the label's column.
  ///   - classes: the classes in label order.
  ///   - read: how a row is read where it is not simply these columns.
  public init(
    name: String, summary: String, columns: [[String]], labelColumns: [String] = ["label"], classes: [ClassLabel],
    metrics: [Metric] = [.accuracy], maskedLength: Int = 128,
    prompt: (@Sendable (Example) -> String)? = nil, masked: (@Sendable (Example) -> MaskedPrompt)? = nil,
    labelSentence: (@Sendable (ClassLabel) -> String)? = nil,
    read: (@Sendable (Record) throws -> [Example])? = nil
  ) {
    self.name = name
    self.summary = summary
    kind = .classification
    self.classes = classes
    self.metrics = metrics
    self.maskedLength = maskedLength
    self.columns = columns
    self.labelColumns = labelColumns
    self.prompt = prompt
    self.masked = masked
    self.labelSentence = labelSentence
    self.read =
      read ?? { record in
        let label = try record.label(labelColumns, among: classes)
        return [Example(fields: try record.texts(columns), label: label, source: record.source)]
      }
  }

  /// A task whose examples bring their candidates or gold answers.
  public init(
    name: String, summary: String, kind: Kind, metrics: [Metric], prompt: @escaping @Sendable (Example) -> String,
    read: @escaping @Sendable (Record) throws -> [Example]
  ) {
    self.name = name
    self.summary = summary
    self.kind = kind
    self.metrics = metrics
    self.prompt = prompt
    self.read = read
  }

  /// The texts that may follow the prompt of `example`, in label order. A generated answer's is the first gold answer
  /// and the line end that closes it.
  public func candidates(of example: Example) -> [String] {
    switch kind {
    case .classification: classes.map(\.word)
    case .multipleChoice: example.choices
    case .generation: example.answers.prefix(1).map { "\($0)\n" }
    }
  }

  /// The texts of `example`, one after another, as a sentence encoder reads them.
  public func text(of example: Example) -> String { textFields.map { example[$0] }.joined(separator: " ") }

  /// This task with other settings: `task.with { $0.testSize = 500 }`.
  public func with(_ change: (inout TextTask) -> Void) -> TextTask {
    var task = self
    change(&task)
    return task
  }

  /// The examples of the file at `path`. Throws `InputError` naming the file, the line and the field of a bad row.
  public func examples(at path: String) throws -> [Example] {
    let examples = try DataFile.records(path, names: columnNames, encoding: encoding).flatMap(read)
    guard !examples.isEmpty else { throw InputError(path, found: "no examples of \(name)", expected: "at least one") }
    return examples
  }

  /// The examples at `path`: a folder of train, dev and test files, or one file; those at `testData`, if it is given, take
  /// the place of the test examples there. See ``DataFolder``.
  public func load(_ path: String, testData: String? = nil) throws -> TaskData {
    let folder = try DataFolder(path, testData: testData)
    return TaskData(
      task: self, folder: folder, train: try examples(at: folder.train), dev: try folder.dev.map(examples(at:)),
      test: try folder.test.map(examples(at:)))
  }
}

extension Record {
  /// The texts of `columns`, each under the first of its names.
  public func texts(_ columns: [[String]]) throws(InputError) -> [String: String] {
    var texts: [String: String] = [:]
    for names in columns { if let name = names.first { texts[name] = try text(names) } }
    return texts
  }
}
