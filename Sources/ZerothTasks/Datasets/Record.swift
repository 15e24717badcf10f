import Zeroth
import ZerothSupport

/// One row of a data file before a task has read it: named values and the place they came from.
///
/// Cells of tables are strings; values of JSON keep their shape. The accessors throw an `InputError` that names
/// the file, the line and the field.
public struct Record: Sendable {
  /// Where the row stands.
  public let source: Source
  /// The row's values by the name of their column or key.
  public let fields: [String: JSON]
  /// The path to a nested object, for messages: empty, or `passage.`.
  let path: String
  /// Whether labels and gold answers are left aside: every label is then the first class, and there are no answers.
  public let ignoresLabels: Bool

  /// A row with `fields` at `source`.
  public init(_ fields: [String: JSON], source: Source) {
    self.init(fields, source: source, path: "")
  }

  init(_ fields: [String: JSON], source: Source, path: String, ignoresLabels: Bool = false) {
    self.fields = fields
    self.source = source
    self.path = path
    self.ignoresLabels = ignoresLabels
  }

  /// The same row, whose labels are left aside.
  var withoutLabels: Record { Record(fields, source: source, path: path, ignoresLabels: true) }

  /// Whether the field `name` holds a label: files without have no such field, an empty one, or -1.
  func hasLabel(_ name: String) -> Bool {
    guard let value = fields[name] else { return false }
    guard let text = value.cellText?.trimmed else { return value != .null }
    return !["", "-1", "-"].contains(text)
  }

  /// The text of the first field there is among `names`, trimmed. Throws when there is none or it is empty.
  public func text(_ names: [String]) throws(InputError) -> String {
    let (name, value) = try field(names)
    guard let text = value.cellText else { throw error(name, found: value.kind, expected: "a text") }
    let trimmed = text.trimmed
    guard !trimmed.isEmpty else { throw error(name, found: "an empty text", expected: "a text") }
    return trimmed
  }

  /// The text of the field `name`, trimmed. Throws when it is missing or empty.
  public func text(_ name: String) throws(InputError) -> String { try text([name]) }

  /// The index of the class that the first field there is among `names` spells.
  ///
  /// 0 where labels are left aside.
  public func label(_ names: [String] = ["label"], among classes: [ClassLabel]) throws(InputError) -> Int {
    if ignoresLabels { return 0 }
    let (name, value) = try field(names, expected: "a label, or the command predict, which asks for none")
    let found = value.cellText.map { $0.trimmed }
    if let found, let index = classes.firstIndex(where: { $0.names.contains(found) }) { return index }
    throw error(
      name, found: found.map { "'\($0)'" } ?? value.kind,
      expected: "one of \(classes.flatMap(\.names).map { "'\($0)'" }.joined(separator: ", "))")
  }

  /// The object in the field `name`.
  public func object(_ name: String) throws(InputError) -> Record {
    let (_, value) = try field([name])
    return try record(of: value, at: name)
  }

  /// The objects of the array in the field `name`.
  public func objects(_ name: String) throws(InputError) -> [Record] {
    let (_, value) = try field([name])
    guard case .array(let values) = value else { throw error(name, found: value.kind, expected: "an array") }
    var records: [Record] = []
    for (index, value) in values.enumerated() { records.append(try record(of: value, at: "\(name)[\(index)]")) }
    return records
  }

  /// The texts of the array in the field `name`.
  public func texts(_ name: String) throws(InputError) -> [String] {
    let (_, value) = try field([name])
    guard case .array(let values) = value else { throw error(name, found: value.kind, expected: "an array") }
    var texts: [String] = []
    for (index, value) in values.enumerated() {
      let element = Record(["\(name)[\(index)]": value], source: source, path: path)
      texts.append(try element.text("\(name)[\(index)]"))
    }
    return texts
  }

  /// The row as an object, its columns in the order of their names.
  public var json: JSON { .object(fields.sorted { $0.key < $1.key }.map { JSON.Member($0.key, $0.value) }) }

  /// An error about the field `name` of this row.
  public func error(_ name: String, found: String, expected: String) -> InputError {
    InputError("\(source): \(path)\(name)", found: found, expected: expected)
  }

  private func record(of value: JSON, at name: String) throws(InputError) -> Record {
    guard let fields = value.fields else { throw error(name, found: value.kind, expected: "an object") }
    return Record(fields, source: source, path: "\(path)\(name).", ignoresLabels: ignoresLabels)
  }

  private func field(_ names: [String], expected: String = "a value") throws(InputError) -> (String, JSON) {
    for name in names {
      if let value = fields[name] { return (name, value) }
    }
    throw error(
      names.joined(separator: " or "),
      found: "no such field among \(fields.keys.sorted().joined(separator: ", "))", expected: expected)
  }
}

extension JSON {
  /// The text of a string, number or Boolean: what a table would hold in its cell. Nil for the rest.
  var cellText: String? {
    switch self {
    case .string(let string): string
    case .bool(let bool): "\(bool)"
    case .number(let digits): double.flatMap { Int(exactly: $0) }.map { "\($0)" } ?? digits
    case .array, .object, .null: nil
    }
  }

  /// The members of an object by their keys; nil for anything else.
  var fields: [String: JSON]? {
    members.map { members in Dictionary(members.map { ($0.key, $0.value) }) { first, _ in first } }
  }

  /// What the value is, for messages.
  var kind: String {
    switch self {
    case .string(let string): "the text '\(string.prefix(40))'"
    case .bool, .number: "the value \(cellText ?? "")"
    case .array: "an array"
    case .object: "an object"
    case .null: "null"
    }
  }
}

extension StringProtocol {
  /// The string without white space at its ends.
  var trimmed: String {
    guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
    else { return "" }
    return String(self[first...last])
  }
}
