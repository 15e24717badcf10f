/// A JSON value. Objects keep the order of their members, and numbers keep their digits. So a file that is read,
/// changed and written again differs only where it was changed.
public enum JSON: Sendable, Hashable {
  case null
  case bool(Bool)
  /// A number in its written form, so that `1e-05` and integers beyond 2^53 are kept.
  case number(String)
  case string(String)
  case array([JSON])
  case object([Member])

  /// One `"key": value` of an object. In a parsed object no two keys have the same bytes.
  public struct Member: Sendable, Hashable {
    /// The key.
    public var key: String
    /// The value.
    public var value: JSON

    /// `key` and its `value`.
    public init(_ key: String, _ value: JSON) {
      self.key = key
      self.value = value
    }
  }

  /// An integer.
  public static func int(_ value: Int) -> JSON { .number("\(value)") }

  /// A number. A number that is not finite becomes null, because JSON cannot express it.
  public static func double(_ value: Double) -> JSON { value.isFinite ? .number("\(value)") : .null }
}

// MARK: - Reading values

extension JSON {
  /// The members of an object, nil for anything else.
  public var members: [Member]? {
    guard case .object(let members) = self else { return nil }
    return members
  }

  /// The elements of an array, nil for anything else.
  public var elements: [JSON]? {
    guard case .array(let elements) = self else { return nil }
    return elements
  }

  /// The text of a string, nil for anything else.
  public var string: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  /// The truth value of `true` and `false`, nil for anything else.
  public var bool: Bool? {
    guard case .bool(let value) = self else { return nil }
    return value
  }

  /// The value of a number that is written without fraction or exponent and fits an `Int`; nil for anything else.
  public var integer: Int? {
    guard case .number(let digits) = self else { return nil }
    return Int(digits)
  }

  /// The value of a finite number, nil for anything else.
  public var double: Double? {
    guard case .number(let digits) = self, let value = Double(digits), value.isFinite else { return nil }
    return value
  }

  /// The value of the member `key` of an object. Setting it replaces an existing value in place, or appends a member.
  /// Keys are compared as bytes, so two encodings of one letter are different keys.
  public subscript(key: String) -> JSON? {
    get { members?.first { $0.key.utf8.elementsEqual(key.utf8) }?.value }
    set {
      guard case .object(var members) = self, let newValue else { return }
      if let index = members.firstIndex(where: { $0.key.utf8.elementsEqual(key.utf8) }) {
        members[index].value = newValue
      } else {
        members.append(Member(key, newValue))
      }
      self = .object(members)
    }
  }

  /// The value in a few words, for the part `found` of an error.
  public var summary: String {
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

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  /// A string.
  public init(stringLiteral value: String) { self = .string(value) }
  /// An integer.
  public init(integerLiteral value: Int) { self = .int(value) }
  /// A number.
  public init(floatLiteral value: Double) { self = .double(value) }
  /// True or false.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// An array.
  public init(arrayLiteral elements: JSON...) { self = .array(elements) }
  /// An object, in the order of the literal.
  public init(dictionaryLiteral elements: (String, JSON)...) {
    self = .object(elements.map { Member($0.0, $0.1) })
  }
}

// MARK: - Writing

extension JSON: CustomStringConvertible {
  /// The JSON in one line.
  public var description: String { text(indent: nil, isArrayInline: true) }

  /// The JSON on several lines, indented by two spaces. Arrays of plain values stay on one line.
  public var pretty: String { text(indent: 0, isArrayInline: true) }

  /// The JSON on several lines, in the form in which transformers writes its files: every element of an array has its
  /// own line.
  public var indented: String { text(indent: 0, isArrayInline: false) }

  private func text(indent: Int?, isArrayInline: Bool) -> String {
    switch self {
    case .null: return "null"
    case .bool(let value): return "\(value)"
    case .number(let digits): return digits
    case .string(let value): return Self.quoted(value)
    case .array(let values):
      let inner = isArrayInline && !values.contains(where: \.isContainer) ? nil : indent
      let parts = values.map { $0.text(indent: inner.map { $0 + 1 }, isArrayInline: isArrayInline) }
      return Self.joined(parts, "[", "]", inner)
    case .object(let members):
      let parts = members.map { member in
        Self.quoted(member.key) + (indent == nil ? ":" : ": ")
          + member.value.text(indent: indent.map { $0 + 1 }, isArrayInline: isArrayInline)
      }
      return Self.joined(parts, "{", "}", indent)
    }
  }

  private var isContainer: Bool {
    switch self {
    case .array, .object: true
    default: false
    }
  }

  private static func joined(_ parts: [String], _ open: String, _ close: String, _ indent: Int?) -> String {
    guard let indent, !parts.isEmpty else { return open + parts.joined(separator: ",") + close }
    let margin = String(repeating: "  ", count: indent)
    return open + "\n" + parts.map { margin + "  " + $0 }.joined(separator: ",\n") + "\n" + margin + close
  }

  /// `text` in quotes, with all characters escaped that JSON or TOML require to be.
  public static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case _ where scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value):
        let hex = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

extension String {
  /// At most 80 characters of a text from a file, with control characters replaced, so that it fits the line of an
  /// error.
  public var excerpt: String {
    let start = prefix(80)
    let printable = String(String.UnicodeScalarView(start.unicodeScalars.map { $0.value < 0x20 ? "\u{FFFD}" : $0 }))
    return start.endIndex == endIndex ? printable : printable + "..."
  }
}
