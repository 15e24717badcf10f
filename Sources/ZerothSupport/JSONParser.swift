import Foundation

extension JSON {
  /// Parses UTF-8 `bytes` that contain one JSON value, and nothing else except white space.
  ///
  /// It is stricter than most parsers where tolerance would hide a defect: a key that occurs twice in an object is an
  /// error. Errors name `subject`, such as the path of the file.
  public init(parsing bytes: UnsafeRawBufferPointer, subject: String) throws(InputError) {
    var parser = JSONParser(bytes: bytes, subject: subject)
    self = try parser.value(depth: 0)
    parser.skipWhiteSpace()
    guard parser.position == bytes.count else { throw parser.unexpected("the end of the JSON value") }
  }

  /// Parses the bytes of `data` in the same way.
  public init(parsing data: Data, subject: String) throws(InputError) {
    let result: Result<JSON, InputError> = data.withUnsafeBytes { bytes in
      do throws(InputError) { return .success(try JSON(parsing: bytes, subject: subject)) } catch {
        return .failure(error)
      }
    }
    self = try result.get()
  }

  /// Parses `text` in the same way.
  public init(parsing text: String, subject: String) throws(InputError) {
    try self.init(parsing: Data(text.utf8), subject: subject)
  }
}

/// A recursive descent parser for the grammar of RFC 8259.
private struct JSONParser {
  /// The limit for nesting. No model file reaches it, and a malicious file cannot exhaust the stack.
  private static let maximumDepth = 64

  let bytes: UnsafeRawBufferPointer
  let subject: String
  var position = 0

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  func unexpected(_ expected: String) -> InputError {
    let found =
      switch next {
      case nil: "the end of the text"
      case let byte? where (0x21...0x7e).contains(byte): "'\(Character(UnicodeScalar(byte)))'"
      case let byte?: "byte 0x" + String(byte, radix: 16)
      }
    return InputError(subject, found: "\(found) at byte \(position)", expected: "JSON: \(expected)")
  }

  mutating func skipWhiteSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
  }

  /// Skips white space, then `character` if it comes next.
  private mutating func accept(_ character: Unicode.Scalar) -> Bool {
    skipWhiteSpace()
    guard next == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  mutating func value(depth: Int) throws(InputError) -> JSON {
    guard depth < JSONParser.maximumDepth else {
      throw unexpected("at most \(JSONParser.maximumDepth) nested levels")
    }
    if accept("{") { return try object(depth: depth) }
    if accept("[") { return try array(depth: depth) }
    if accept("\"") { return .string(try string()) }
    switch next {
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case let byte? where byte == UInt8(ascii: "-") || JSONParser.isDigit(byte): return .number(try number())
    default: throw unexpected("a value")
    }
  }

  private mutating func object(depth: Int) throws(InputError) -> JSON {
    var members: [JSON.Member] = []
    // Keys are compared as bytes, because Swift's strings treat two encodings of one letter as equal.
    var keys: Set<[UInt8]> = []
    if accept("}") { return .object(members) }
    repeat {
      guard accept("\"") else { throw unexpected("a key in quotes") }
      let key = try string()
      guard keys.insert(Array(key.utf8)).inserted else {
        throw InputError(subject, found: "the key '\(key.excerpt)' twice", expected: "each key of an object once")
      }
      guard accept(":") else { throw unexpected("':' after a key") }
      members.append(JSON.Member(key, try value(depth: depth + 1)))
    } while accept(",")
    guard accept("}") else { throw unexpected("',' or '}'") }
    return .object(members)
  }

  private mutating func array(depth: Int) throws(InputError) -> JSON {
    var elements: [JSON] = []
    if accept("]") { return .array(elements) }
    repeat { elements.append(try value(depth: depth + 1)) } while accept(",")
    guard accept("]") else { throw unexpected("',' or ']'") }
    return .array(elements)
  }

  private mutating func word(_ word: StaticString, _ value: JSON) throws(InputError) -> JSON {
    for byte in UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount) {
      guard next == byte else { throw unexpected("'\(word)'") }
      position += 1
    }
    return value
  }

  // MARK: Numbers

  private mutating func number() throws(InputError) -> String {
    let start = position
    if next == UInt8(ascii: "-") { position += 1 }
    if next == UInt8(ascii: "0") { position += 1 } else { try digits() }
    if next == UInt8(ascii: ".") {
      position += 1
      try digits()
    }
    if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      position += 1
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
      try digits()
    }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private mutating func digits() throws(InputError) {
    let start = position
    while let byte = next, JSONParser.isDigit(byte) { position += 1 }
    guard position > start else { throw unexpected("a digit") }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  // MARK: Strings

  /// Parses the rest of a string whose opening quote was read.
  private mutating func string() throws(InputError) -> String {
    let start = position
    var utf8: [UInt8] = []
    while let byte = next, byte != UInt8(ascii: "\"") {
      guard byte >= 0x20 else { throw unexpected("no control character in a string") }
      position += 1
      if byte == UInt8(ascii: "\\") {
        utf8.append(contentsOf: UTF8.encode(try escapedScalar()) ?? UTF8.encodedReplacementCharacter)
      } else {
        utf8.append(byte)
      }
    }
    guard next != nil else { throw unexpected("'\"' at the end of a string") }
    guard let text = String(validating: utf8, as: UTF8.self) else {
      throw InputError(subject, found: "bytes that are not UTF-8 in the string at byte \(start)", expected: "UTF-8")
    }
    position += 1
    return text
  }

  /// Parses the rest of an escape whose backslash was read. A pair of `\u` surrogates is one scalar.
  private mutating func escapedScalar() throws(InputError) -> Unicode.Scalar {
    guard let byte = next else { throw unexpected("an escape") }
    position += 1
    switch UnicodeScalar(byte) {
    case "\"": return "\""
    case "\\": return "\\"
    case "/": return "/"
    case "b": return "\u{08}"
    case "f": return "\u{0c}"
    case "n": return "\n"
    case "r": return "\r"
    case "t": return "\t"
    case "u":
      var code = try hexadecimalQuad()
      if (0xd800..<0xdc00).contains(code), next == UInt8(ascii: "\\") {
        position += 1
        guard next == UInt8(ascii: "u") else { throw unexpected("the second half of a surrogate pair") }
        position += 1
        let low = try hexadecimalQuad()
        guard (0xdc00..<0xe000).contains(low) else { throw unexpected("the second half of a surrogate pair") }
        code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw unexpected("no lone surrogate in a string") }
      return scalar
    default:
      position -= 1
      throw unexpected("one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u after a backslash")
    }
  }

  private mutating func hexadecimalQuad() throws(InputError) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = next, let digit = Character(UnicodeScalar(byte)).hexDigitValue else {
        throw unexpected("four hexadecimal digits")
      }
      code = code << 4 | UInt32(digit)
      position += 1
    }
    return code
  }
}
