import ZerothSupport

/// An object in a file of a tokenizer, with its name for messages of errors.
///
/// As in the reference, a field that is null counts as missing.
struct JSONPart {
  let json: JSON
  /// The file and the place in it: `tokenizer.json: normalizer.normalizers[1]`.
  let subject: String
  /// Whether it is the whole content of a file.
  private let isFile: Bool

  /// Throws ``InputError`` for a value that is not an object.
  init(_ json: JSON, subject: String, isFile: Bool = false) throws(InputError) {
    guard json.members != nil else { throw InputError(subject, found: json.summary, expected: "an object") }
    self.json = json
    self.subject = subject
    self.isFile = isFile
  }

  /// The object in the file at `path`.
  init(file path: String) throws(InputError) {
    try self.init(JSON(parsing: try TokenizerFiles.bytes(path), subject: path), subject: path, isFile: true)
  }

  /// The name of the field `key` in errors.
  func subject(of key: String) -> String { subject + (isFile ? ": " : ".") + key }

  /// The value of a field; nil where there is none.
  func value(_ key: String) -> JSON? {
    guard let value = json[key], value != .null else { return nil }
    return value
  }

  func missing(_ key: String, _ expected: String) -> InputError {
    InputError(subject(of: key), found: "no such field", expected: expected)
  }

  private func field<Value>(
    _ key: String, _ expected: String, _ read: (JSON) -> Value?
  ) throws(InputError) -> Value? {
    guard let value = value(key) else { return nil }
    guard let read = read(value) else {
      throw InputError(subject(of: key), found: value.summary, expected: expected)
    }
    return read
  }

  func string(_ key: String) throws(InputError) -> String? { try field(key, "a string", \.string) }
  func bool(_ key: String) throws(InputError) -> Bool? { try field(key, "true or false", \.bool) }
  func integer(_ key: String) throws(InputError) -> Int? { try field(key, "an integer", \.integer) }
  func number(_ key: String) throws(InputError) -> Double? { try field(key, "a number", \.double) }
  func elements(_ key: String) throws(InputError) -> [JSON]? { try field(key, "an array", \.elements) }
  func members(_ key: String) throws(InputError) -> [JSON.Member]? { try field(key, "an object", \.members) }

  /// The text of a required field.
  func required(_ key: String) throws(InputError) -> String {
    guard let text = try string(key) else { throw missing(key, "a string") }
    return text
  }

  /// The single scalar in a required field.
  func scalar(_ key: String) throws(InputError) -> Unicode.Scalar {
    let text = try required(key)
    guard let scalar = text.unicodeScalars.first, text.unicodeScalars.count == 1 else {
      throw InputError(subject(of: key), found: "'\(text.excerpt)'", expected: "one character")
    }
    return scalar
  }

  /// An object in a field; nil where there is none.
  func part(_ key: String) throws(InputError) -> JSONPart? {
    guard let value = value(key) else { return nil }
    return try JSONPart(value, subject: subject(of: key))
  }

  /// The objects of a required array.
  func parts(_ key: String) throws(InputError) -> [JSONPart] {
    guard let elements = try elements(key) else { throw missing(key, "an array") }
    var parts: [JSONPart] = []
    for (index, element) in elements.enumerated() {
      parts.append(try JSONPart(element, subject: "\(subject(of: key))[\(index)]"))
    }
    return parts
  }

  /// The field `type`, which says which kind of part it is.
  func type() throws(InputError) -> String { try required("type") }

  /// The error for a part whose type is not among `known`.
  func unknownType(_ type: String, _ known: [String]) -> InputError {
    InputError(
      subject(of: "type"), found: "'\(type.excerpt)'", expected: Suggestion.expected(for: type, among: known))
  }

  /// A pattern, given as `{"String": ...}` or `{"Regex": ...}`.
  func pattern(_ key: String) throws(InputError) -> TextPattern {
    guard let part = try part(key) else { throw missing(key, "an object with String or Regex") }
    if let text = try part.string("String") {
      guard !text.isEmpty else {
        throw InputError(part.subject(of: "String"), found: "an empty text", expected: "a text to look for")
      }
      return .literal(Array(text.utf8))
    }
    guard let expression = try part.string("Regex") else {
      throw InputError(part.subject, found: part.json.description.excerpt, expected: "String or Regex")
    }
    return .expression(try PatternAutomaton(expression, subject: part.subject(of: "Regex")))
  }
}
