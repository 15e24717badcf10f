import Zeroth
import ZerothSupport

/// A class of a classification task.
public struct ClassLabel: Sendable, Hashable {
  /// The word that stands for the class in a prompt, such as `great`.
  public let word: String
  /// How data files spell the class, such as `1`; the first is used in messages.
  public let names: [String]
  /// What is scored behind a causal prompt: the word, unless said otherwise.
  public let candidate: String
  /// What tables call the class: the word, unless said otherwise.
  public let title: String

  /// The class of `word`, spelt as one of `names` in files, or as the word where none are given.
  public init(_ word: String, _ names: String...) {
    self.word = word
    self.names = names.isEmpty ? [word] : names
    candidate = word
    title = word
  }

  /// The class that data files spell `name`, and so do tables: `candidate` is scored behind a causal prompt, `word` at a mask.
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
  public enum Kind: String, Sendable, CaseIterable {
    /// The label words are the candidates; trained by the cross-entropy over their scores.
    case classification
    /// Each example brings its candidates; trained by language modelling of the right one.
    case multipleChoice
    /// The answer is generated; trained by language modelling of the first gold answer.
    case generation
    /// The assistant's turns of conversations; trained by language modelling of these alone, and the last is generated.
    case chat
    /// Texts as they are; trained by language modelling of all tokens.
    case text
    /// The answer is generated, and a reward scores it, of which the mean is maximised.
    case reward
  }

  /// The name in lower case, letters and digits alone.
  public let name: String
  /// What is asked, in a few words.
  public let summary: String
  /// What a model does for an answer.
  public let kind: Kind
  /// The classes in label order; empty unless the task is a classification.
  public internal(set) var classes: [ClassLabel] = []
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
  public internal(set) var columns: [[String]] = []
  /// The names of the label's column in data files; empty unless the task is a classification.
  public internal(set) var labelColumns: [String] = []
  /// A row as a data file has it, made up, from which `explain` shows how a model is asked. Nil where there is none:
  /// the prompt of a classification is then shown with the names of its fields.
  public var exampleRow: JSON?
  /// The example that `explain` shows where there is no row: its texts are the names of the fields.
  var shownWithoutRow: Example?
  /// When a generated answer ends.
  public var answerEnd = AnswerEnd()
  /// What scores the answers of a task of rewards.
  public var reward: Reward?
  /// How the answers of a task of rewards are generated.
  public var sampling = AnswerSampling()
  /// Whether a known answer is followed by the token that ends a text, which a model is trained to say.
  public var endsWithToken = false
  /// The file that describes the task, as its text; nil for one that is written in Swift.
  public var definition: String?
  /// What of the file a run depends on: all of it, unless said otherwise.
  public var identity: String?
  /// How a file of plain text is cut into rows; nil where its lines are a label and a text.
  public var plainRows: PlainRows?
  /// Whether tables must have a header with one of `columnNames`; otherwise two columns without one are a label and a text.
  public var needsHeader = false
  /// Tokens of a sequence of plain texts, at most; nil for the model's context.
  public var sequenceLength: Int?
  /// Whether a row has what a model is measured by: a label, or a gold answer.
  var isLabelled: @Sendable (Record) -> Bool = { _ in true }
  /// The fields that hold an example's texts, in their order; empty unless the task is a classification.
  public var textFields: [String] { columns.compactMap(\.first) }
  /// The columns whose names tell a table's header from its rows.
  public var columnNames: Set<String> { Set(columns.joined()).union(labelColumns) }
  /// The examples in a row of a file: mostly one; none where the row is to be skipped. Throws `InputError` on a bad row.
  public let read: @Sendable (Record) throws -> [Example]
  /// The prompt of a causal model, to which a candidate is appended as it is: it ends in a space or a line end.
  public let prompt: (@Sendable (Example) -> String)?
  /// The prompt of a masked model.
  public internal(set) var masked: (@Sendable (Example) -> MaskedPrompt)?
  /// The sentence that says of a text that it is of a class, for encoders whose label head starts from embedded sentences.
  public internal(set) var labelSentence: (@Sendable (ClassLabel) -> String)?

  /// The most tokens of a generated answer, unless a task says otherwise.
  public static let maximalAnswerLength = 50

  /// A classification task, read from rows that hold its texts and a label.
  ///
  /// - Parameters:
  ///   - name: what the task is called.
  ///   - summary: what it is, in a phrase.
  ///   - columns: for each text, the names that its column has in the task's files; the first is the field's name.
  ///   - labelColumns: the names of the label's column.
  ///   - classes: the classes in label order.
  ///   - metrics: what models are measured by; the first chooses.
  ///   - maskedLength: tokens of a masked prompt, at most.
  ///   - prompt: the prompt of a causal model.
  ///   - masked: the prompt of a masked model.
  ///   - labelSentence: the sentence that says that a text is of a class.
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
    isLabelled = { record in labelColumns.contains { record.hasLabel($0) } }
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

  /// A task whose answers `reward` scores: `prompt` asks about a row that `read` made an example of, with the row in it.
  public init(
    name: String, summary: String, reward: Reward, prompt: @escaping @Sendable (Example) -> String,
    read: @escaping @Sendable (Record) throws -> [Example]
  ) {
    self.init(name: name, summary: summary, kind: .reward, metrics: [.reward], prompt: prompt, read: read)
    self.reward = reward
  }

  /// The texts that may follow the prompt of `example`, in label order. A generated answer's is the first gold answer
  /// and the line end that closes it.
  public func candidates(of example: Example) -> [String] {
    switch kind {
    case .classification: classes.map(\.candidate)
    case .multipleChoice: example.choices
    case .generation: example.answers.prefix(1).map { endsWithToken ? $0 : "\($0)\n" }
    case .chat: example.messages.suffix(1).map(\.content)
    case .text, .reward: []
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

}
