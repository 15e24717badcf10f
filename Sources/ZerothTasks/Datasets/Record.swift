import Zeroth
import ZerothSupport

/// One row of a data file before a task has read it: named values, and the place of the row.
///
/// Cells of tables are strings; JSON values keep their type. The accessors throw an `InputError` that names the file,
/// the line and the field.
public struct Record: Sendable {
  /// The place of the row.
  public let source: Source
  /// The values of the row by the names of their columns or keys.
  public let fields: [String: JSON]
  /// The path to a nested object, for messages of errors: empty, or for example `passage.`.
  let path: String
  /// Whether labels and gold answers are ignored. Every label is then the first class, and there are no gold answers.
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

  /// The same row, with its labels ignored.
  var withoutLabels: Record { Record(fields, source: source, path: path, ignoresLabels: true) }

  /// Whether the field `name` has a label. In files without labels the field is missing, empty, or -1.
  func hasLabel(_ name: String) -> Bool {
    guard let value = fields[name] else { return false }
    guard let text = value.cellText?.trimmed else { return value != .null }
    return !["", "-1", "-"].contains(text)
  }

  /// The trimmed text of the first field among `names` that exists. Throws `InputError` where none exists or the text
  /// is empty.
  public func text(_ names: [String]) throws(InputError) -> String {
    let (name, value) = try field(names)
    guard let text = value.cellText else { throw error(name, found: value.kind, expected: "a text") }
    let trimmed = text.trimmed
    guard !trimmed.isEmpty else { throw error(name, found: "an empty text", expected: "a text") }
    return trimmed
  }

  /// The trimmed text of the field `name`. Throws `InputError` where it is missing or empty.
  public func text(_ name: String) throws(InputError) -> String { try text([name]) }

  /// The index of the class that is named in the first field among `names` that exists.
  ///
  /// 0 where labels are ignored.
  public func label(_ names: [String] = ["label"], among classes: [ClassLabel]) throws(InputError) -> Int {
    if ignoresLabels { return 0 }
    let (name, value) = try field(names, expected: "a label; rows without one are for the command predict")
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
    guard let fields = try value.fields(of: "\(source): \(path)\(name)") else {
      throw error(name, found: value.kind, expected: "an object")
    }
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
  /// The text of a string, a number or a Boolean, as in the cell of a table; nil for other values.
  var cellText: String? {
    switch self {
    case .string(let string): string
    case .bool(let bool): "\(bool)"
    case .number(let digits): (integer ?? double.flatMap { Int(exactly: $0) }).map { "\($0)" } ?? digits
    case .array, .object, .null: nil
    }
  }

  /// The members of an object by their keys; nil for other values. Throws an `InputError` about `subject` for two keys
  /// that are one text in two encodings of Unicode, of which a row could keep only one.
  func fields(of subject: String) throws(InputError) -> [String: JSON]? {
    guard let members else { return nil }
    var fields: [String: JSON] = [:]
    for member in members where fields.updateValue(member.value, forKey: member.key) != nil {
      throw InputError(
        subject, found: "the key '\(member.key.excerpt)' twice, in two encodings of Unicode", expected: "each key once")
    }
    return fields
  }

  /// The kind of the value, for messages of errors.
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
