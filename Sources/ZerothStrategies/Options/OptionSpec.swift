import Zeroth
import ZerothSupport

/// One option of a strategy or of a run: all that the command line, a configuration file and `explain` know of it.
public struct OptionSpec: Sendable {
  /// What an option takes.
  public enum Kind: Sendable, Hashable {
    case int
    case double
    case bool
    case string
    /// One of these words.
    case choice([String])
    /// A block selection, as `BlockSelection(parsing:)` reads it.
    case blocks
    /// An integer, or this word.
    case intOr(String)
    /// A number, or this word.
    case doubleOr(String)
    /// A number, or a `Schedule` of it as a text.
    case schedule
    /// An integer, or a `Schedule` of it as a text.
    case countSchedule
  }

  /// What stands in for an option that is not given.
  public enum Default: Sendable {
    case value(OptionValue)
    /// Follows from the options before it, or from the run; the text says how.
    case derived(String, @Sendable (OptionValues) -> OptionValue?)
    /// Nothing: the option must be given.
    case required
    /// Nothing, which means what the text says.
    case absent(String)
  }

  /// When an option has a meaning at all. One that is given although it has none is refused.
  public struct Condition: Sendable, CustomStringConvertible {
    /// The condition as a phrase, such as `schedule = linear or cosine`.
    public let description: String
    let holds: @Sendable (OptionValues) -> Bool

    /// Holds when `holds` does, for the options before this one.
    public init(_ description: String, _ holds: @escaping @Sendable (OptionValues) -> Bool) {
      self.description = description
      self.holds = holds
    }
  }

  /// In kebab-case.
  public let name: String
  /// Names that the option had in earlier versions. One that is given is refused, and the error says what the option is
  /// called now.
  public let formerNames: [String]
  /// What it takes.
  public let kind: Kind
  /// What stands in for it.
  public let defaultValue: Default
  /// The numbers it takes.
  public let range: NumericRange
  /// The unit of a number, such as `steps`; empty without one.
  public let unit: String
  /// What it does, in a sentence.
  public let documentation: String
  /// When it has a meaning; always, if nil.
  public let condition: Condition?

  /// An option called `name`.
  public init(
    _ name: String, formerNames: [String] = [], _ kind: Kind, default defaultValue: Default, range: NumericRange = .any,
    unit: String = "", when condition: Condition? = nil, _ documentation: String
  ) {
    self.name = name
    self.formerNames = formerNames
    self.kind = kind
    self.defaultValue = defaultValue
    self.range = range
    self.unit = unit
    self.condition = condition
    self.documentation = documentation
  }

  /// What is accepted, as a phrase: `an integer, at least 1`.
  public var expected: String { range.description.isEmpty ? "\(kind)" : "\(kind), \(range)" }

  /// The default as a text.
  public var defaultWords: String {
    switch defaultValue {
    case .value(let value): "\(value)"
    case .derived(let text, _), .absent(let text): text
    case .required: "required"
    }
  }

  /// `value` in the option's own type, or nil when it is of another or out of range.
  package func accepted(_ value: OptionValue) -> OptionValue? {
    guard let value = kind.converted(value) else { return nil }
    switch value {
    case .int(let number): return range.contains(Double(number)) ? value : nil
    case .double(let number): return range.contains(number) ? value : nil
    case .string(let text) where kind == .schedule || kind == .countSchedule:
      // Without a length of its own, a schedule gets that of the run later: here, any.
      guard let schedule = Schedule(parsing: text, length: .max) else { return nil }
      return (try? schedule.validate(name, range)) == nil ? nil : value
    case .bool, .string: return value
    }
  }

  /// The value that a command line spells as `text`, or nil when it is none.
  package func parsed(_ text: String) -> OptionValue? {
    let candidates: [OptionValue?] =
      switch kind {
      case .int: [Int(text).map { .int($0) }]
      case .double: [Double(text).map { .double($0) }]
      case .bool: [Bool(text).map { .bool($0) }]
      case .string, .choice, .blocks: [.string(text)]
      case .intOr: [Int(text).map { .int($0) }, .string(text)]
      case .doubleOr, .schedule: [Double(text).map { .double($0) }, .string(text)]
      case .countSchedule: [Int(text).map { .int($0) }, .string(text)]
      }
    return candidates.lazy.compactMap { $0 }.compactMap(accepted).first
  }
}

extension OptionSpec.Kind: CustomStringConvertible {
  /// What is taken, as a phrase such as `an integer`.
  public var description: String {
    switch self {
    case .int: "an integer"
    case .double: "a number"
    case .bool: "true or false"
    case .string: "a text"
    case .choice(let words): "one of \(words.joined(separator: ", "))"
    case .blocks: "a block selection (such as 'query,value', 'all', 'layers:0-3', 'name:*.fc1.*')"
    case .intOr(let word): "an integer or '\(word)'"
    case .doubleOr(let word): "a number or '\(word)'"
    case .schedule: "a number or a schedule"
    case .countSchedule: "an integer or a schedule"
    }
  }

  /// `value` in this type: an integer is a number too; block selections come out in their canonical spelling.
  fileprivate func converted(_ value: OptionValue) -> OptionValue? {
    switch (self, value) {
    case (.int, .int), (.intOr, .int), (.countSchedule, .int), (.double, .double), (.doubleOr, .double),
      (.schedule, .double), (.bool, .bool), (.string, .string):
      value
    case (.double, .int(let number)), (.doubleOr, .int(let number)), (.schedule, .int(let number)):
      .double(Double(number))
    case (.schedule, .string(let text)), (.countSchedule, .string(let text)):
      // A constant is a number, and no text.
      Schedule(parsing: text).flatMap { $0.isConstant ? nil : .string($0.description) }
    case (.choice(let words), .string(let word)): words.contains(word) ? value : nil
    case (.intOr(let accepted), .string(let word)), (.doubleOr(let accepted), .string(let word)):
      word == accepted ? value : nil
    case (.blocks, .string(let text)): (try? BlockSelection(parsing: text)).map { .string($0.description) }
    default: nil
    }
  }
}
