import Foundation
import Zeroth
import ZerothSupport

/// A task that is described in a file instead of Swift: its kind, the prompt, and the columns of its data.
/// docs/own-tasks.md lists every key.
///
///     name = "tickets"
///     kind = "classification"
///     prompt = "{subject}\n{text}\nTeam:"
///     label = "team"
///     candidates = { billing = " money", it = " computer" }
public struct TaskFile {
  /// The kinds of tasks that a file can describe.
  public enum Kind: String, CaseIterable, Sendable {
    case classification, choice, completion, chat, text, reward

    var keys: [String] {
      switch self {
      case .classification:
        ["prompt", "label", "candidates", "masked", "words", "label-sentence", "texts", "length"]
      case .choice: ["prompt", "choices", "label", "labels"]
      case .completion: ["prompt", "completion", "answers", "max-tokens", "stop", "ends"]
      case .chat: ["messages", "max-tokens", "stop"]
      case .text: ["text", "rows", "length"]
      case .reward: ["prompt", "reward"]
      }
    }
  }

  static let commonKeys = [
    "name", "kind", "summary", "metrics", "train", "dev", "test", "encoding", "group", "example",
  ]

  /// Whether `name` is a file and not the name of a task: it ends in `.toml`.
  public static func isPath(_ name: String) -> Bool { name.lowercased().hasSuffix(".toml") }

  /// The path of the file, for messages of errors.
  let path: String
  /// The table of the file that is read; nil for the top level.
  private let table: String?
  private let json: JSON

  init(path: String, table: String? = nil, json: JSON) {
    self.path = path
    self.table = table
    self.json = json
  }

  /// The content of this table.
  var content: JSON { json }

  /// The task that the file at `path` describes. `text` is the content of the file and `json` the same after parsing.
  /// Throws an `InputError` that names the file and the key.
  public static func task(_ json: JSON, path: String, text: String) throws(InputError) -> TextTask {
    let file = TaskFile(path: path, json: json)
    let kind = try file.choice("kind", Kind.allCases, default: nil)
    for member in json.members ?? [] where !(commonKeys + kind.keys).contains(member.key) {
      throw InputError(
        file.subject(member.key), found: "a key that a task of kind '\(kind.rawValue)' does not have",
        expected: Suggestion.expected(for: member.key, among: commonKeys + kind.keys))
    }
    let task =
      switch kind {
      case .classification: try file.classification()
      case .choice: try file.multipleChoice()
      case .completion: try file.completion()
      case .chat: try file.chat()
      case .text: try file.plainText()
      case .reward: try file.rewarded()
      }
    return try file.finished(task, kind, text)
  }

  /// The name of the task: the one in the file, or else the name of the file.
  var name: String {
    get throws(InputError) {
      let name = try string("name") ?? URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
      guard !name.isEmpty, name.utf8.count <= 64, name.allSatisfy({ $0.isLetter || $0.isNumber || "-_".contains($0) })
      else {
        throw InputError(
          subject("name"), found: "'\(name.excerpt)'", expected: "letters, digits, hyphens and underscores, 64 at most")
      }
      return name
    }
  }

  var summary: String { get throws(InputError) { try string("summary") ?? "a task of one's own" } }

  /// Adds to `task` the properties that every task from a file has.
  private func finished(_ task: TextTask, _ kind: Kind, _ text: String) throws(InputError) -> TextTask {
    var task = task
    // The copy in the folder of a run has to contain the name, because the name may come from that of the original
    // file.
    task.definition = json["name"] == nil ? "name = \"\(task.name)\"\n\(text)" : text
    task.needsHeader = true
    if case .total(let train, let dev) = task.splitSize {
      task.splitSize = .total(train: try count("train") ?? train, dev: try count("dev") ?? dev)
    }
    task.testSize = try json["test"]?.string == "all" ? .max : count("test") ?? task.testSize
    switch try string("encoding") ?? "utf-8" {
    case "utf-8": break
    case "latin-1": task.encoding = .utf8OrLatin1
    case let other: throw InputError(subject("encoding"), found: "'\(other.excerpt)'", expected: "utf-8 or latin-1")
    }
    if let example = json["example"] {
      guard example.members != nil else {
        throw InputError(subject("example"), found: example.summary, expected: "a table with a row of the data")
      }
      task.exampleRow = example
      do {
        guard try task.shownExample() != nil else {
          throw InputError(subject("example"), found: "a row that is left out as empty", expected: "one with texts")
        }
      } catch let error as InputError {
        throw error
      } catch {
        throw InputError(subject("example"), found: "\(error)", expected: "a row of the data")
      }
    }
    return task
  }

  /// The template `group`, whose text for a row is the key that keeps rows together in one set; nil where the file has
  /// none.
  func groups() throws(InputError) -> RowTemplate? { try template("group") }

  // MARK: Reading keys

  func subject(_ key: String) -> String { "\(path): \(table.map { "\($0)." } ?? "")\(key)" }

  func value(_ key: String) -> JSON? { json[key] }

  func string(_ key: String) throws(InputError) -> String? {
    guard let value = json[key] else { return nil }
    guard let text = value.string else { throw InputError(subject(key), found: value.summary, expected: "a text") }
    return text
  }

  func required(_ key: String, _ expected: String) throws(InputError) -> String {
    guard let text = try string(key) else { throw InputError(subject(key), found: "nothing", expected: expected) }
    return text
  }

  func template(_ key: String, default text: String? = nil) throws(InputError) -> RowTemplate? {
    guard let text = try string(key) ?? text else { return nil }
    let template = try RowTemplate(text, subject: subject(key))
    guard !template.columns.isEmpty else {
      throw InputError(subject(key), found: "\"\(text.excerpt)\"", expected: "a text with a column in braces")
    }
    return template
  }

  func strings(_ key: String) throws(InputError) -> [String]? {
    guard let value = json[key] else { return nil }
    let texts = value.elements?.compactMap(\.string)
    guard let texts, texts.count == value.elements?.count, !texts.isEmpty, !texts.contains("") else {
      throw InputError(subject(key), found: value.summary, expected: "an array of texts, none of them empty")
    }
    return texts
  }

  /// The texts of a table by their keys; nil where there is no such table.
  func table(_ key: String) throws(InputError) -> [(key: String, text: String)]? {
    guard let value = json[key] else { return nil }
    guard let members = value.members, !members.isEmpty else {
      throw InputError(subject(key), found: value.summary, expected: "a table such as { yes = \" Yes\", no = \" No\" }")
    }
    return try members.map { member throws(InputError) in
      guard let text = member.value.string, !text.isEmpty else {
        throw InputError(subject("\(key).\(member.key.excerpt)"), found: member.value.summary, expected: "a text")
      }
      return (member.key, text)
    }
  }

  func count(_ key: String) throws(InputError) -> Int? {
    guard let value = json[key] else { return nil }
    guard let count = value.integer, count > 0 else {
      throw InputError(subject(key), found: value.summary, expected: "an integer, at least 1")
    }
    return count
  }

  func bool(_ key: String, default other: Bool) throws(InputError) -> Bool {
    guard let value = json[key] else { return other }
    guard let bool = value.bool else { throw InputError(subject(key), found: value.summary, expected: "true or false") }
    return bool
  }

  func choice<T: RawRepresentable<String>>(
    _ key: String, _ all: [T], default other: T?
  ) throws(InputError) -> T {
    let found = try string(key)
    if found == nil, let other { return other }
    guard let found, let value = T(rawValue: found) else {
      throw InputError(
        subject(key), found: found.map { "'\($0.excerpt)'" } ?? "nothing",
        expected: Suggestion.expected(for: found ?? "", among: all.map(\.rawValue)))
    }
    return value
  }

  /// The metrics in the file, or `usual` where it has none. `f1` means the F1 of answers where the task has answers.
  func metrics(_ kind: TextTask.Kind, usual: [Metric]) throws(InputError) -> [Metric] {
    guard let names = try strings("metrics") else { return usual }
    let known = kind.metrics.map { ($0, $0 == .answerF1 ? "f1" : $0.rawValue.replacing("_", with: "-")) }
    let metrics = try names.map { name throws(InputError) in
      guard let metric = known.first(where: { $0.1 == name.replacing("_", with: "-") })?.0 else {
        throw InputError(
          subject("metrics"), found: "'\(name.excerpt)'",
          expected: Suggestion.expected(for: name, among: known.map(\.1)))
      }
      return metric
    }
    for (index, metric) in metrics.enumerated() where metrics[..<index].contains(metric) {
      throw InputError(subject("metrics"), found: "'\(names[index].excerpt)' twice", expected: "each metric once")
    }
    return metrics
  }

  /// When a generated answer ends.
  func answerEnd(texts: [String], length: Int) throws(InputError) -> AnswerEnd {
    AnswerEnd(length: try count("max-tokens") ?? length, texts: try strings("stop") ?? texts)
  }
}
