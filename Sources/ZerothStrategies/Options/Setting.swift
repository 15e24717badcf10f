import Zeroth
import ZerothSupport

/// One value that a user gave for an option, together with the place where it was given.
public struct Setting: Sendable, Hashable {
  /// The value that was given.
  public enum Value: Sendable, Hashable, CustomStringConvertible {
    /// A value with a type, from a file or from code.
    case typed(OptionValue)
    /// A text from a command line, to be read as the type of the option.
    case text(String)
    /// A value that no option accepts, such as an array.
    case other(String)

    /// The value, for messages of errors.
    public var description: String {
      switch self {
      case .typed(.string(let text)), .text(let text): "'\(text)'"
      case .typed(let value): "\(value)"
      case .other(let words): words
      }
    }
  }

  /// The value that was given.
  public let value: Value
  /// Where it was given, such as `run.toml: [estimator] rank` or `--rank`.
  public let origin: String

  /// The setting `value`, found at `origin`.
  public init(_ value: Value, origin: String) {
    self.value = value
    self.origin = origin
  }

  /// The value in the type of `spec`. Throws `InputError` when it is of another type or out of range.
  package func read(as spec: OptionSpec) throws(InputError) -> OptionValue {
    let read: OptionValue? =
      switch value {
      case .typed(let value): spec.accepted(value)
      case .text(let text): spec.parsed(text)
      case .other: nil
      }
    guard let read else {
      var expected = spec.expected
      if case .choice(let words) = spec.kind, let near = Suggestion.nearest(to: given, among: words) {
        expected = "perhaps '\(near)', \(expected)"
      }
      throw InputError(origin, found: "\(value)", expected: expected)
    }
    return read
  }

  /// The value as text, without quotes.
  package var given: String {
    switch value {
    case .typed(let value): "\(value)"
    case .text(let text), .other(let text): text
    }
  }
}
