import ArgumentParser
import ZerothSupport

/// A message of the parser about an option, in the words of all other errors: what was found and what was expected.
enum ParserMessage {
  /// `message` as it is, unless it says that a value is invalid without saying which are valid.
  static func words(_ message: String) -> String {
    guard let match = message.wholeMatch(of: /The value '(?<value>[\s\S]*)' is invalid for '(?<option>-[^\s']+)[^']*'/)
    else { return message }
    return "\(match.option): found '\(String(match.value).excerpt)', expected \(expected(String(match.value)))"
  }

  /// What an option expects that refuses `value`. The parser names the values of an option that has a list of them, so
  /// all others are numbers.
  private static func expected(_ value: String) -> String {
    switch Double(value) {
    case nil: "a number"
    case let number? where number.rounded() == number && abs(number) >= 0x1p63: "an integer below 2^63"
    default: "an integer"
    }
  }
}
