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
  }

  /// What stands in for an option that is not given.
  public enum Default: Sendable {
    case value(OptionValue)
    /// Follows from the options before it, or from the run; said in words too.
    case derived(String, @Sendable (OptionValues) -> OptionValue?)
    /// Nothing: the option must be given.
    case required
    /// Nothing, which means what the words say.
    case absent(String)
  }

  /// The numbers that an option takes.
  public struct Range: Sendable {
    /// In words, such as `at least 1`; empty when all will do.
    public let words: String
    let contains: @Sendable (Double) -> Bool

    /// The numbers for which `contains` holds.
    public init(_ words: String, _ contains: @escaping @Sendable (Double) -> Bool) {
      self.words = words
      self.contains = contains
    }

    /// Whether `value` is one of them.
    public func includes(_ value: Double) -> Bool { contains(value) }

    /// Every number.
    public static let any = Range("") { _ in true }
    /// Above 0.
    public static let positive = Range("above 0") { $0 > 0 }
    /// 0 or more.
    public static let nonNegative = Range("at least 0") { $0 >= 0 }
    /// `minimum` or more.
    public static func atLeast(_ minimum: Int) -> Range { Range("at least \(minimum)") { $0 >= Double(minimum) } }
    /// `low` to `high`, both included.
    public static func between(_ low: Int, _ high: Int) -> Range {
      Range("\(low) to \(high)") { (Double(low)...Double(high)).contains($0) }
    }
    /// 0 to 1, both included.
    public static let fraction = Range("0 to 1") { (0...1).contains($0) }
    /// 0 to 1, 1 excluded.
    public static let belowOne = Range("at least 0 and below 1") { $0 >= 0 && $0 < 1 }
    /// 0 to 1, 0 excluded.
    public static let positiveFraction = Range("above 0 and at most 1") { $0 > 0 && $0 <= 1 }
  }

  /// When an option has a meaning at all. One that is given although it has none is refused.
  public struct Condition: Sendable {
    /// In words, such as `schedule = linear or cosine`.
    public let words: String
    let holds: @Sendable (OptionValues) -> Bool

    /// Holds when `holds` does, for the options before this one.
    public init(_ words: String, _ holds: @escaping @Sendable (OptionValues) -> Bool) {
      self.words = words
      self.holds = holds
    }
  }

  /// In kebab-case.
  public let name: String
  /// What it takes.
  public let kind: Kind
  /// What stands in for it.
  public let defaultValue: Default
  /// The numbers it takes.
  public let range: Range
  /// The unit of a number, such as `steps`; empty without one.
  public let unit: String
  /// What it does, in a sentence.
  public let documentation: String
  /// When it has a meaning; always, if nil.
  public let condition: Condition?

  /// An option called `name`.
  public init(
    _ name: String, _ kind: Kind, default defaultValue: Default, range: Range = .any, unit: String = "",
    when condition: Condition? = nil, _ documentation: String
  ) {
    self.name = name
    self.kind = kind
    self.defaultValue = defaultValue
    self.range = range
    self.unit = unit
    self.condition = condition
    self.documentation = documentation
  }

  /// What is accepted, in words: `an integer, at least 1`.
  public var expected: String { range.words.isEmpty ? kind.words : "\(kind.words), \(range.words)" }

  /// The default in words.
  public var defaultWords: String {
    switch defaultValue {
    case .value(let value): "\(value)"
    case .derived(let words, _), .absent(let words): words
    case .required: "required"
    }
  }

  /// `value` in the option's own type, or nil when it is of another or out of range.
  package func accepted(_ value: OptionValue) -> OptionValue? {
    guard let value = kind.converted(value) else { return nil }
    switch value {
    case .int(let number): return range.contains(Double(number)) ? value : nil
    case .double(let number): return number.isFinite && range.contains(number) ? value : nil
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
      case .doubleOr: [Double(text).map { .double($0) }, .string(text)]
      }
    return candidates.lazy.compactMap { $0 }.compactMap(accepted).first
  }
}

extension OptionSpec.Kind {
  /// In words, such as `an integer`.
  public var words: String {
    switch self {
    case .int: "an integer"
    case .double: "a number"
    case .bool: "true or false"
    case .string: "a text"
    case .choice(let words): "one of \(words.joined(separator: ", "))"
    case .blocks: "a block selection (such as 'query,value', 'all', 'layers:0-3', 'name:*.fc1.*')"
    case .intOr(let word): "an integer or '\(word)'"
    case .doubleOr(let word): "a number or '\(word)'"
    }
  }

  /// `value` in this type: an integer is a number too; block selections come out in their canonical spelling.
  fileprivate func converted(_ value: OptionValue) -> OptionValue? {
    switch (self, value) {
    case (.int, .int), (.intOr, .int), (.double, .double), (.doubleOr, .double), (.bool, .bool), (.string, .string):
      value
    case (.double, .int(let number)), (.doubleOr, .int(let number)): .double(Double(number))
    case (.choice(let words), .string(let word)): words.contains(word) ? value : nil
    case (.intOr(let accepted), .string(let word)), (.doubleOr(let accepted), .string(let word)):
      word == accepted ? value : nil
    case (.blocks, .string(let text)): (try? BlockSelection(parsing: text)).map { .string($0.description) }
    default: nil
    }
  }
}
