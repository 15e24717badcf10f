import Zeroth

/// What the TOML parser must not see, because it ends the process there instead of throwing an error.
enum TOMLCheck {
  /// Throws `InputError`, naming `name` and the line, where `text` holds what ends the process.
  static func check(_ text: String, name: String) throws(InputError) {
    try checkHeaders(text, name: name)
    try checkDates(text, name: name)
  }

  /// A `[` that no key follows. So is an array of tables refused, which nothing here takes.
  private static func checkHeaders(_ text: String, name: String) throws(InputError) {
    let isBlank: (Unicode.Scalar) -> Bool = { $0.properties.isWhitespace || $0 == "\u{FEFF}" }
    for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      let start = line.unicodeScalars.drop(while: isBlank)
      guard start.first == "[" else { continue }
      let key = start.dropFirst().drop { $0 == " " || $0 == "\t" }
      guard let first = key.first, first.isASCII,
        first.properties.isAlphabetic || "0123456789_-\"'".contains(Character(first))
      else {
        throw InputError(
          "\(name):\(number + 1)", found: "'\(line.prefix(40))'", expected: "a table such as [run], or KEY = VALUE")
      }
    }
  }

  /// A date outside strings and comments with something else than a time behind it: `1979-05-27T*`.
  private static func checkDates(_ text: String, name: String) throws(InputError) {
    let bytes = Array(text.utf8)
    var rest = bytes[...]
    while let byte = rest.first {
      switch byte {
      case UInt8(ascii: "#"): rest = rest.drop { $0 != newline }
      case UInt8(ascii: "\""), UInt8(ascii: "'"): skipString(&rest, quote: byte)
      case _ where isDateWithoutTime(rest):
        let line = bytes[..<rest.startIndex].count { $0 == newline } + 1
        let found = String(decoding: rest.prefix(40).prefix { $0 != newline }, as: UTF8.self)
        throw InputError("\(name):\(line)", found: "'\(found)'", expected: "a time such as 12:00:00 behind a date")
      default: rest.removeFirst()
      }
    }
  }

  private static let newline = UInt8(ascii: "\n")

  private static func skipString(_ rest: inout ArraySlice<UInt8>, quote: UInt8) {
    let isOfLines = rest.starts(with: [quote, quote, quote])
    let end = isOfLines ? [quote, quote, quote] : [quote]
    rest.removeFirst(end.count)
    while let byte = rest.first, !rest.starts(with: end), isOfLines || byte != newline {
      rest = rest.dropFirst(quote == UInt8(ascii: "\"") && byte == UInt8(ascii: "\\") ? 2 : 1)
    }
    if rest.first == quote { rest.removeFirst(end.count) }
    // A string of lines may end with two quotes of its own.
    if isOfLines { rest = rest.dropFirst(rest.prefix(2).prefix { $0 == quote }.count) }
  }

  /// Whether `bytes` begin with a date, a `T` or a space, and no digit.
  private static func isDateWithoutTime(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard let first = bytes.first, isDigit(first), bytes.count > 10 else { return false }
    let date = Array(bytes.prefix(12))
    for (i, byte) in date.prefix(10).enumerated() {
      guard i == 4 || i == 7 ? byte == UInt8(ascii: "-") : isDigit(byte) else { return false }
    }
    return " Tt".utf8.contains(date[10]) && !(date.count == 12 && isDigit(date[11]))
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
