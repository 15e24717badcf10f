import Zeroth
import ZerothSupport

/// The value of one option, as a file or a command line gives it.
public enum OptionValue: Sendable, Hashable {
  case int(Int)
  case double(Double)
  case bool(Bool)
  case string(String)
}

extension OptionValue: CustomStringConvertible {
  /// The value in the spelling of a command line.
  public var description: String {
    switch self {
    case .int(let value): "\(value)"
    case .double(let value): "\(value)"
    case .bool(let value): "\(value)"
    case .string(let value): value
    }
  }
}

extension OptionValue: ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByStringLiteral
{
  /// An integer.
  public init(integerLiteral value: Int) { self = .int(value) }
  /// A number.
  public init(floatLiteral value: Double) { self = .double(value) }
  /// A switch.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// A text.
  public init(stringLiteral value: String) { self = .string(value) }
}

extension JSON {
  /// The value of an option as JSON.
  public init(_ value: OptionValue) {
    switch value {
    case .int(let number): self = .int(number)
    case .double(let number): self = .double(number)
    case .bool(let flag): self = .bool(flag)
    case .string(let text): self = .string(text)
    }
  }
}
