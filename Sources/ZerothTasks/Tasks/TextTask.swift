import Zeroth
import ZerothSupport

/// A class of a classification task.
public struct ClassLabel: Sendable, Hashable {
  /// The word that stands for the class in a prompt, such as `great`.
  public let word: String
  /// The names of the class in data files, such as `1`. The first is used in messages.
  public let names: [String]
  /// The text that is scored behind a causal prompt; the word by default.
  public let candidate: String
  /// The name of the class in tables; the word by default.
  public let title: String

  /// The class with the word `word`. In files it has one of `names`, or the word where no name is given.
  public init(_ word: String, _ names: String...) {
    self.word = word
    self.names = names.isEmpty ? [word] : names
    candidate = word
    title = word
  }

  /// The class that is called `name` in data files and in tables. `candidate` is scored behind a causal prompt, `word`
  /// at a mask.
  public init(name: String, candidate: String, word: String) {
    self.word = word
    self.candidate = candidate
    names = [name]
    title = name
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

/// A task: how its rows are read, how a model is asked, and how the answers are measured.
///
/// A task is a value. It can be made in a few lines, also outside this package, and added to a ``TaskRegistry``:
/// ```swift
/// let headlines = TextTask(
///   name: "headlines",
///   summary: "The section of a newspaper's headline",
///   columns: [["headline", "text"]],
///   classes: [ClassLabel("sport", "0"), ClassLabel("politics", "1")],
///   prompt: { "\($0["headline"]) This is about " })
/// ```
public struct TextTask: Sendable {
  /// What a model does to give an answer.
  public enum Kind: String, Sendable, CaseIterable {
    /// It scores the label words. It is trained by the cross-entropy over their scores.
    case classification
    /// It scores the candidates of each example. It is trained by language modelling of the right one.
    case multipleChoice
    /// It generates the answer. It is trained by language modelling of the first gold answer.
    case generation
    /// It generates the assistant's last turn. It is trained by language modelling of all the assistant's turns, and of
    /// nothing else.
    case chat
    /// It predicts texts. It is trained by language modelling of all tokens.
    case text
    /// It generates the answer, and a reward scores it. The mean reward is maximised.
    case reward
  }

  /// The name, which has only lower-case letters and digits.
  public let name: String
  /// What the task is, in a few words.
  public let summary: String
  /// What a model does to give an answer.
  public let kind: Kind
  /// The classes in label order; empty unless the task is a classification.
  public internal(set) var classes: [ClassLabel] = []
  /// The metrics. By the first one models are chosen and ranked.
  public let metrics: [Metric]
  /// The sizes of the training set and the dev set.
  public var splitSize = SplitSize.total(train: 1000, dev: 500)
  /// The most examples of the test set.
  public var testSize = 1000
  /// The encoding of the task's files.
  public var encoding = TextEncoding.utf8
  /// The most tokens of a masked model's or sentence encoder's input.
  public var maskedLength = 128
  /// For each text of an example, the possible names of its column in data files. The first is the name of the field.
  public internal(set) var columns: [[String]] = []
  /// The possible names of the label's column in data files; empty unless the task is a classification.
  public internal(set) var labelColumns: [String] = []
  /// A made-up row in the form of a data file, with which `explain` shows how a model is asked. Where it is nil, the
  /// prompt of a classification is shown with the names of its fields.
  public var exampleRow: JSON?
  /// The example that `explain` shows where there is no row. Its texts are the names of the fields.
  var shownWithoutRow: Example?
  /// When a generated answer ends.
  public var answerEnd = AnswerEnd()
  /// The reward, for a task whose answers are scored by one; else nil.
  public var reward: Reward?
  /// How answers are generated, for a task with a reward.
  public var sampling = AnswerSampling()
  /// Whether known answers are followed by the token that ends a text, so that a model learns to generate it.
  public var endsWithToken = false
  /// The text of the file that describes the task; nil for a task that is written in Swift.
  public var definition: String?
  /// The part of the file on which a run depends; nil where it is the whole file.
  public var identity: String?
  /// How a file of plain text is divided into rows; nil where each line is a label and a text.
  public var plainRows: PlainRows?
  /// Whether tables must have a header with one of `columnNames`. Otherwise two columns without a header are a label
  /// and a text.
  public var needsHeader = false
  /// The most tokens of a sequence of plain texts; nil for the context of the model.
  public var sequenceLength: Int?
  /// Whether a row has the label or the gold answer by which a model is measured.
  var isLabelled: @Sendable (Record) -> Bool = { _ in true }
  /// The fields that contain the texts of an example, in order; empty unless the task is a classification.
  public var textFields: [String] { columns.compactMap(\.first) }
  /// The names of columns by which the header of a table is recognised.
  public var columnNames: Set<String> { Set(columns.joined()).union(labelColumns) }
  /// Reads the examples in a row of a file: usually one, none where the row is skipped. Throws `InputError` for a row
  /// that cannot be read.
  public let read: @Sendable (Record) throws -> [Example]
  /// The prompt for a causal model. A candidate is appended directly, so the prompt ends in a space or a line end.
  public let prompt: (@Sendable (Example) -> String)?
  /// The prompt for a masked model.
  public internal(set) var masked: (@Sendable (Example) -> MaskedPrompt)?
  /// A sentence that says that a text is of a class, for encoders whose label head starts from embedded sentences.
  public internal(set) var labelSentence: (@Sendable (ClassLabel) -> String)?

  /// The most tokens of a generated answer, unless a task gives another number.
  public static let maximalAnswerLength = 50

  /// A classification task whose rows contain its texts and a label.
  ///
  /// - Parameters:
  ///   - name: the name of the task.
  ///   - summary: what the task is, in a phrase.
  ///   - columns: for each text, the possible names of its column in the task's files; the first is the name of the
  ///     field.
  ///   - labelColumns: the possible names of the label's column.
  ///   - classes: the classes in label order.
  ///   - metrics: the metrics; by the first one models are chosen.
  ///   - maskedLength: the most tokens of a masked prompt.
  ///   - prompt: the prompt for a causal model.
  ///   - masked: the prompt for a masked model.
  ///   - labelSentence: a sentence that says that a text is of a class.
  ///   - read: reads a row where it does not simply consist of these columns.
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
    isLabelled = { record in labelColumns.contains { record.hasLabel($0) } }
    self.read =
      read ?? { record in
        let label = try record.label(labelColumns, among: classes)
        return [Example(fields: try record.texts(columns), label: label, source: record.source)]
      }
  }

  /// A task whose examples contain their candidates or gold answers.
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

  /// A task whose answers are scored by `reward`. `prompt` makes the question from an example, which `read` made from a
  /// row and which contains the row.
  public init(
    name: String, summary: String, reward: Reward, prompt: @escaping @Sendable (Example) -> String,
    read: @escaping @Sendable (Record) throws -> [Example]
  ) {
    self.init(name: name, summary: summary, kind: .reward, metrics: [.reward], prompt: prompt, read: read)
    self.reward = reward
  }

  /// The texts that may follow the prompt of `example`, in label order. For a task with generated answers it is the
  /// first gold answer and the line end behind it.
  public func candidates(of example: Example) -> [String] {
    switch kind {
    case .classification: classes.map(\.candidate)
    case .multipleChoice: example.choices
    case .generation: example.answers.prefix(1).map { endsWithToken ? $0 : "\($0)\n" }
    case .chat: example.messages.suffix(1).map(\.content)
    case .text, .reward: []
    }
  }

  /// The texts of `example`, one behind another, for a sentence encoder.
  public func text(of example: Example) -> String { textFields.map { example[$0] }.joined(separator: " ") }

  /// This task with other settings: `task.with { $0.testSize = 500 }`.
  public func with(_ change: (inout TextTask) -> Void) -> TextTask {
    var task = self
    change(&task)
    return task
  }

}
