import Zeroth
import ZerothSupport

/// One value that a user gave for an option, with the place where it stood.
public struct Setting: Sendable, Hashable {
  /// What was given.
  public enum Value: Sendable, Hashable, CustomStringConvertible {
    /// A value with a type, from a file or from code.
    case typed(OptionValue)
    /// Text of a command line, whose type is the option's.
    case text(String)
    /// Something that no option takes, such as an array.
    case other(String)

    /// What was found, for errors.
    public var description: String {
      switch self {
      case .typed(.string(let text)), .text(let text): "'\(text)'"
      case .typed(let value): "\(value)"
      case .other(let words): words
      }
    }
  }

  /// What was given.
  public let value: Value
  /// Where it stood, such as `run.toml: [estimator] rank` or `--rank`.
  public let origin: String

  /// `value`, found at `origin`.
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
