/// The numbers that an option takes.
///
/// A strategy declares the range of each of its options once, next to the option. Its `validate` checks the option by
/// it, and the description that files and command lines are read by refers to it:
///
///     public static let queriesRange = NumericRange.atLeast(1)
///     ...
///     try Self.queriesRange.require("queries", queries)            // queries: found 0, expected at least 1
public struct NumericRange: Sendable, CustomStringConvertible {
  /// The numbers as a phrase, such as `at least 1`; empty when all will do.
  public let description: String
  private let holds: @Sendable (Double) -> Bool

  /// The finite numbers for which `holds` is true; `description` is the phrase for them.
  public init(_ description: String, where holds: @escaping @Sendable (Double) -> Bool) {
    self.description = description
    self.holds = holds
  }

  /// Whether `value` is one of them. Infinities and NaN are in no range.
  public func contains(_ value: Double) -> Bool { value.isFinite && holds(value) }

  /// Throws `InputError`, which names `option`, unless `value` is one of them.
  public func require(_ option: String, _ value: Double) throws(InputError) {
    guard contains(value) else { throw InputError(option, found: "\(value)", expected: expected) }
  }

  /// Throws `InputError`, which names `option`, unless `value` is one of them.
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
  /// Above 0 as an fp32 number too, which is what parameters are moved by: 1e-300 would move nothing.
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
