import Zeroth

/// Finds text that the TOML parser must not be given, because it would end the process instead of throwing an error.
enum TOMLCheck {
  /// Throws an `InputError` that names `name` and the line, where `text` contains such text.
  static func check(_ text: String, name: String) throws(InputError) {
    try checkHeaders(text, name: name)
    try checkValues(Array(text.unicodeScalars), name: name)
  }

  /// Finds a `[` that is not followed by a key. This also refuses arrays of tables, which are not used here.
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

  /// Finds two things outside of strings and comments: text that begins like a date and continues otherwise, such as
  /// `1979-05-27T*` and `1979-05-27 1`; and an array with nothing before a comma or a brace, such as `[1,,` and `[}`.
  /// No option has such values.
  private static func checkValues(_ text: [Unicode.Scalar], name: String) throws(InputError) {
    var rest = text[...]
    /// The last scalar that was not white space and not in a comment.
    var last: Unicode.Scalar?
    while let scalar = rest.first {
      let isDate = ("0"..."9").contains(scalar) && beginsLikeADate(rest) && !isPlainDate(rest)
      let isGap = (scalar == "," || scalar == "}") && (last == "[" || last == ",")
      if isDate || isGap {
        let line = text[..<rest.startIndex].count { $0 == "\n" } + 1
        let found = String(String.UnicodeScalarView(rest.prefix(40).prefix { $0 != "\n" }))
        throw InputError(
          "\(name):\(line)", found: "'\(found)'", expected: isDate ? "no date, which no option takes" : "a value")
      }
      if scalar == "#" {
        rest = rest.drop { $0 != "\n" }
        continue
      }
      if !scalar.properties.isWhitespace { last = scalar }
      if scalar == "\"" || scalar == "'" {
        skipString(&rest)
      } else {
        // A value begins with a word, and not in the middle of one.
        rest = isPartOfWord(scalar) ? rest.drop(while: isPartOfWord) : rest.dropFirst()
      }
    }
  }

  /// Whether the fifth and the eighth scalar of the value are dashes. Underscores are not counted, because the parser
  /// ignores them.
  private static func beginsLikeADate(_ text: ArraySlice<Unicode.Scalar>) -> Bool {
    var count = 0
    for scalar in text where scalar != "_" {
      if isEnd(scalar) || (count == 4 && scalar != "-") { return false }
      if count == 7 { return scalar == "-" }
      count += 1
    }
    return false
  }

  /// Whether the value is a year, a month and a day and ends there. A space may be followed by a time.
  private static func isPlainDate(_ text: ArraySlice<Unicode.Scalar>) -> Bool {
    let isDate = text.prefix(10).enumerated().allSatisfy { i, scalar in
      i == 4 || i == 7 ? scalar == "-" : ("0"..."9").contains(scalar)
    }
    return isDate && text.count >= 10 && text.dropFirst(10).first.map { isEnd($0) && $0 != " " } ?? true
  }

  private static func skipString(_ rest: inout ArraySlice<Unicode.Scalar>) {
    guard let quote = rest.first else { return }
    let isOfLines = rest.starts(with: [quote, quote, quote])
    let end = isOfLines ? [quote, quote, quote] : [quote]
    rest.removeFirst(end.count)
    while let scalar = rest.first, !rest.starts(with: end), isOfLines || scalar != "\n" {
      rest = rest.dropFirst(quote == "\"" && scalar == "\\" ? 2 : 1)
    }
    if rest.first == quote { rest.removeFirst(end.count) }
    // A multi-line string may end with two quotes that belong to it.
    if isOfLines { rest = rest.dropFirst(rest.prefix(2).prefix { $0 == quote }.count) }
  }

  /// Whether a value ends in front of `scalar`.
  private static func isEnd(_ scalar: Unicode.Scalar) -> Bool { " \t\r\n,]}#".unicodeScalars.contains(scalar) }

  private static func isPartOfWord(_ scalar: Unicode.Scalar) -> Bool {
    scalar.isASCII && (scalar.properties.isAlphabetic || "0123456789_-".unicodeScalars.contains(scalar))
  }
}
