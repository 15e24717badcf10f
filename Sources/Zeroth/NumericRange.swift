/// The set of numbers that an option accepts.
///
/// A strategy declares the range of each of its options once, next to the option. Two places use this declaration:
/// `validate` of the strategy, which checks the option, and the description from which files and command lines are
/// read:
///
///     public static let queriesRange = NumericRange.atLeast(1)
///     ...
///     try Self.queriesRange.require("queries", queries)            // queries: found 0, expected at least 1
public struct NumericRange: Sendable, CustomStringConvertible {
  /// The range as a phrase, such as `at least 1`; empty for all finite numbers.
  public let description: String
  private let holds: @Sendable (Double) -> Bool

  /// The range of the finite numbers for which `holds` is true. `description` is the phrase for them.
  public init(_ description: String, where holds: @escaping @Sendable (Double) -> Bool) {
    self.description = description
    self.holds = holds
  }

  /// Whether `value` is in the range. Infinities and NaN are in no range.
  public func contains(_ value: Double) -> Bool { value.isFinite && holds(value) }

  /// Throws an `InputError` that names `option` unless `value` is in the range.
  public func require(_ option: String, _ value: Double) throws(InputError) {
    guard contains(value) else { throw InputError(option, found: "\(value)", expected: expected) }
  }

  /// Throws an `InputError` that names `option` unless `value` is in the range.
  public func require(_ option: String, _ value: Int) throws(InputError) {
    guard contains(Double(value)) else { throw InputError(option, found: "\(value)", expected: expected) }
  }

  private var expected: String { description.isEmpty ? "a finite number" : description }
}

extension NumericRange {
  /// Every finite number.
  public static let any = NumericRange("") { _ in true }
  /// Above 0.
  public static let positive = NumericRange("above 0") { $0 > 0 }
  /// The positive normal numbers of fp32. Parameters are moved by fp32 numbers: 1e-300 would become 0 and move nothing.
  public static let positiveFloat = NumericRange("above 0, in fp32 (1.2e-38 to 3.4e38)") {
    $0 >= Double(Float.leastNormalMagnitude) && $0 <= Double(Float.greatestFiniteMagnitude)
  }
  /// 0 or more.
  public static let nonNegative = NumericRange("at least 0") { $0 >= 0 }
  /// `minimum` or more.
  public static func atLeast(_ minimum: Int) -> NumericRange {
    NumericRange("at least \(minimum)") { $0 >= Double(minimum) }
  }
  /// `low` to `high`, both included.
  public static func between(_ low: Int, _ high: Int) -> NumericRange {
    NumericRange("\(low) to \(high)") { (Double(low)...Double(high)).contains($0) }
  }
  /// 0 to 1, both included.
  public static let fraction = NumericRange("0 to 1") { (0...1).contains($0) }
  /// 0 to 1, 1 excluded.
  public static let belowOne = NumericRange("at least 0 and below 1") { $0 >= 0 && $0 < 1 }
  /// 0 to 1, 0 excluded.
  public static let positiveFraction = NumericRange("above 0 and at most 1") { $0 > 0 && $0 <= 1 }
}
