import ZerothSupport

/// A text that contains names of columns in braces, such as `{subject}\n{text}\nTeam:`. `{{` and `}}` stand for braces.
struct RowTemplate: Sendable, Hashable {
  private enum Part: Sendable, Hashable {
    case text(String)
    case column(String)
  }

  private var parts: [Part] = []

  /// The columns, each once, in the order in which the text names them.
  var columns: [String] {
    var columns: [String] = []
    for case .column(let name) in parts where !columns.contains(name) { columns.append(name) }
    return columns
  }

  /// Reads `text`. Throws an `InputError` that names `subject` for a brace without its partner, and for a pair of
  /// braces around nothing.
  init(_ text: String, subject: String) throws(InputError) {
    var literal = ""
    var rest = text[...]
    func refuse(_ found: String) -> InputError {
      InputError(
        subject, found: "\(found) in \"\(text.excerpt)\"", expected: "columns in braces, and {{ or }} for a brace")
    }
    while let character = rest.popFirst() {
      switch character {
      case "{" where rest.first == "{", "}" where rest.first == "}":
        literal.append(character)
        rest.removeFirst()
      case "{":
        guard let close = rest.firstIndex(of: "}") else { throw refuse("a brace that is not closed") }
        let name = rest[..<close].trimmed
        guard !name.isEmpty, !name.contains("{") else { throw refuse("braces around no name of a column") }
        if !literal.isEmpty { parts.append(.text(literal)) }
        literal = ""
        parts.append(.column(name))
        rest = rest[rest.index(after: close)...]
      case "}": throw refuse("a closing brace without an opening one")
      default: literal.append(character)
      }
    }
    if !literal.isEmpty { parts.append(.text(literal)) }
  }

  /// The text with the value of each column in place of its name.
  func filled(_ value: (String) throws -> String) rethrows -> String {
    try parts.map { part in
      switch part {
      case .text(let text): text
      case .column(let name): try value(name)
      }
    }.joined()
  }

  /// The texts before and after the column `name`, with the values of other columns filled in.
  func split(at name: String, _ value: (String) -> String) -> (before: String, after: String) {
    let place = parts.firstIndex(of: .column(name)) ?? parts.endIndex
    var (before, after) = (self, self)
    before.parts = Array(parts[..<place])
    after.parts = Array(parts.dropFirst(place + 1))
    return (before.filled(value), after.filled(value))
  }
}

extension Record {
  /// The value of the column `name`. Where there is no such column, the parts of the name between dots lead into
  /// objects: `choices.text`.
  func value(at name: String) -> JSON? {
    if let value = fields[name] { return value }
    var parts = name.split(separator: ".", omittingEmptySubsequences: false)[...]
    guard parts.count > 1, let first = parts.popFirst(), var value = fields[String(first)] else { return nil }
    for part in parts {
      guard let inner = value[String(part)] else { return nil }
      value = inner
    }
    return value
  }

  /// The text of the column `name`, exactly as it is; empty for null. Throws `InputError` where there is no such
  /// column, and where its value is not a text.
  func cell(_ name: String) throws(InputError) -> String {
    guard let value = value(at: name) else {
      throw error(
        name, found: "no such column among \(fields.keys.sorted().joined(separator: ", "))", expected: "a text")
    }
    guard let text = value == .null ? "" : value.cellText else {
      throw error(name, found: value.kind, expected: "a text")
    }
    return text
  }

  /// The texts of the array in the column `name`, or the single text there. Throws `InputError` for anything else.
  func cells(_ name: String) throws(InputError) -> [String] {
    guard case .array(let values)? = value(at: name) else { return [try cell(name)] }
    return try values.enumerated().map { index, value throws(InputError) in
      guard let text = value.cellText else { throw error("\(name)[\(index)]", found: value.kind, expected: "a text") }
      return text
    }
  }

  /// The texts of `columns`, by their names.
  func cells(_ columns: [String]) throws(InputError) -> [String: String] {
    var cells: [String: String] = [:]
    for column in columns { cells[column] = try cell(column) }
    return cells
  }

  /// Whether one of `columns` has a text that is not only white space.
  func hasText(_ columns: [String]) -> Bool {
    columns.contains { name in
      switch value(at: name) {
      case nil, .null?: false
      case .array(let values)?: !values.isEmpty
      case let value?: !(value.cellText ?? "-").trimmed.isEmpty
      }
    }
  }
}
