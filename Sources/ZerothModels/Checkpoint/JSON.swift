/// A JSON value that keeps what rewriting a file needs: the order of the members and the digits of the numbers.
enum JSON: Hashable, Sendable {
  case null
  case bool(Bool)
  /// The number as it is written, so that `1e-05` and integers beyond 2^53 survive.
  case number(String)
  case string(String)
  case array([JSON])
  case object([Member])

  /// One `"key": value` of an object; keys are unique in a parsed object.
  struct Member: Hashable, Sendable {
    var key: String
    var value: JSON
  }

  /// The members of an object, nil for anything else.
  var members: [Member]? {
    guard case .object(let members) = self else { return nil }
    return members
  }

  /// The elements of an array, nil for anything else.
  var elements: [JSON]? {
    guard case .array(let elements) = self else { return nil }
    return elements
  }

  /// The text of a string, nil for anything else.
  var string: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  /// The truth value of `true` and `false`, nil for anything else.
  var bool: Bool? {
    guard case .bool(let value) = self else { return nil }
    return value
  }

  /// The value of a number written without fraction or exponent that fits an `Int`, nil for anything else.
  var integer: Int? {
    guard case .number(let digits) = self else { return nil }
    return Int(digits)
  }

  /// The value of a finite number, nil for anything else.
  var double: Double? {
    guard case .number(let digits) = self, let value = Double(digits), value.isFinite else { return nil }
    return value
  }

  /// The value of member `key` of an object; setting replaces it in place or appends it.
  subscript(key: String) -> JSON? {
    get { members?.first { $0.key == key }?.value }
    set {
      guard case .object(var members) = self, let newValue else { return }
      if let index = members.firstIndex(where: { $0.key == key }) {
        members[index].value = newValue
      } else {
        members.append(Member(key: key, value: newValue))
      }
      self = .object(members)
    }
  }

  /// The value in a few words, for the `found` of an error.
  var summary: String {
    switch self {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .number(let digits): digits.excerpt
    case .string(let text): "\"\(text.excerpt)\""
    case .array(let elements): "an array of \(elements.count)"
    case .object(let members): "an object of \(members.count)"
    }
  }
}

// MARK: - Writing

extension JSON {
  /// The text of the value, indented by two spaces as transformers writes its files.
  var indented: String {
    var text = ""
    write(to: &text, indentation: "\n")
    return text
  }

  /// The value as a JSON string literal.
  static func quoted(_ string: String) -> String {
    var text = "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "\""
  }

  private func write(to text: inout String, indentation: String) {
    let inner = indentation + "  "
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .number(let digits): text += digits
    case .string(let string): text += JSON.quoted(string)
    case .array(let elements):
      text += "["
      for (index, element) in elements.enumerated() {
        text += (index == 0 ? "" : ",") + inner
        element.write(to: &text, indentation: inner)
      }
      text += (elements.isEmpty ? "" : indentation) + "]"
    case .object(let members):
      text += "{"
      for (index, member) in members.enumerated() {
        text += (index == 0 ? "" : ",") + inner + JSON.quoted(member.key) + ": "
        member.value.write(to: &text, indentation: inner)
      }
      text += (members.isEmpty ? "" : indentation) + "}"
    }
  }
}

extension String {
  /// At most 80 characters of a text from a file, control characters replaced: it fits the line of an error.
  var excerpt: String {
    let start = prefix(80)
    let printable = String(String.UnicodeScalarView(start.unicodeScalars.map { $0.value < 0x20 ? "\u{FFFD}" : $0 }))
    return start.endIndex == endIndex ? printable : printable + "..."
  }
}
