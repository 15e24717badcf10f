import Zeroth
import ZerothSupport

/// The declaration of one option of a strategy or of a run. The command line, configuration files and `explain` know an
/// option only from its declaration.
public struct OptionSpec: Sendable {
  /// The type of values that an option accepts.
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

  /// What is used where the option is not given.
  public enum Default: Sendable {
    case value(OptionValue)
    /// A value that follows from earlier options or from the run. The text says how.
    case derived(String, @Sendable (OptionValues) -> OptionValue?)
    /// Nothing: the option must be given.
    case required
    /// No value. The text says what this means.
    case absent(String)
  }

  /// The condition under which an option has a meaning. An option that is given where it has no meaning is an error.
  public struct Condition: Sendable, CustomStringConvertible {
    /// The condition as a phrase, such as `schedule = linear or cosine`.
    public let description: String
    let holds: @Sendable (OptionValues) -> Bool

    /// A condition that holds when `holds` is true for the options before this one.
    public init(_ description: String, _ holds: @escaping @Sendable (OptionValues) -> Bool) {
      self.description = description
      self.holds = holds
    }
  }

  /// The name, in kebab-case.
  public let name: String
  /// Names of the option in earlier versions. Giving one of them is an error that tells the present name.
  public let formerNames: [String]
  /// The type of values that it accepts.
  public let kind: Kind
  /// What is used where the option is not given.
  public let defaultValue: Default
  /// The range of the numbers that it accepts.
  public let range: NumericRange
  /// The unit of a number, such as `steps`; empty without one.
  public let unit: String
  /// What the option does, in one sentence.
  public let documentation: String
  /// The condition under which the option has a meaning; nil where it always has one.
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

  /// `value` converted to the type of the option; nil where it has another type or is out of range.
  package func accepted(_ value: OptionValue) -> OptionValue? {
    guard let value = kind.converted(value) else { return nil }
    switch value {
    case .int(let number): return range.contains(Double(number)) ? value : nil
    case .double(let number): return range.contains(number) ? value : nil
    case .string(let text) where kind == .schedule || kind == .countSchedule:
      // A schedule without a length gets the number of steps of the run later, so any length will do for this check.
      guard let schedule = Schedule(parsing: text, length: .max) else { return nil }
      return (try? schedule.validate(name, range)) == nil ? nil : value
    case .bool, .string: return value
    }
  }

  /// The value that `text` spells on a command line; nil where it spells none.
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
  /// The accepted type as a phrase, such as `an integer`.
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

  /// `value` converted to this type; nil where that cannot be done. An integer is accepted as a number. A block
  /// selection is returned in its canonical spelling.
  fileprivate func converted(_ value: OptionValue) -> OptionValue? {
    switch (self, value) {
    case (.int, .int), (.intOr, .int), (.countSchedule, .int), (.double, .double), (.doubleOr, .double),
      (.schedule, .double), (.bool, .bool), (.string, .string):
      value
    case (.double, .int(let number)), (.doubleOr, .int(let number)), (.schedule, .int(let number)):
      .double(Double(number))
    case (.schedule, .string(let text)), (.countSchedule, .string(let text)):
      // A constant has to be given as a number, and not as a text.
      Schedule(parsing: text).flatMap { $0.isConstant ? nil : .string($0.description) }
    case (.choice(let words), .string(let word)): words.contains(word) ? value : nil
    case (.intOr(let accepted), .string(let word)), (.doubleOr(let accepted), .string(let word)):
      word == accepted ? value : nil
    case (.blocks, .string(let text)): (try? BlockSelection(parsing: text)).map { .string($0.description) }
    default: nil
    }
  }
}
