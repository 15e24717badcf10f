import Zeroth
import ZerothSupport

/// The options of one part, checked and complete. A factory makes its strategy from them.
public struct OptionValues: Sendable, Hashable {
  /// The part that has the options, for messages of errors: `estimator 'lge'`.
  public let subject: String
  /// Options of the run from which defaults may follow: `steps`, `seed`, and `tuning` where the trained parameters are
  /// not the model's own.
  public let run: [String: OptionValue]
  private var values: [String: OptionValue] = [:]
  private var defaults: [String: OptionValue] = [:]
  /// The declared names in their order, without the options that have no meaning here.
  private var active: [String] = []

  /// Checks `given` against `specs` and fills in the defaults.
  ///
  /// Throws `InputError` for an option that has an unknown name or a wrong type, is out of range or missing, or has no
  /// meaning beside the others. For an unknown name, `elsewhere` says which other parts have an option of this name.
  package init(
    _ subject: String, specs: [OptionSpec], given: [String: Setting], run: [String: OptionValue] = [:],
    elsewhere: (String) -> String? = { _ in nil }
  ) throws(InputError) {
    self.subject = subject
    self.run = run
    let names = specs.map(\.name)
    for (name, setting) in given.sorted(by: { $0.key < $1.key }) where !names.contains(name) {
      if let renamed = specs.first(where: { $0.formerNames.contains(name) }) {
        throw InputError(
          setting.origin, found: "'\(name)', the former name of an option", expected: "its new name, '\(renamed.name)'")
      }
      throw InputError(
        setting.origin, found: "an option that \(subject) does not have",
        expected: elsewhere(name) ?? Suggestion.expected(for: name, among: names))
    }
    for spec in specs {
      if let condition = spec.condition, !condition.holds(self) {
        if let setting = given[spec.name] {
          throw InputError(
            setting.origin, found: "\(setting.value), which has no effect here",
            expected: "it only with \(condition)")
        }
        if case .value(let value) = spec.defaultValue { values[spec.name] = value }
        continue
      }
      active.append(spec.name)
      defaults[spec.name] = Self.defaultOf(spec, beside: self)
      if let setting = given[spec.name] {
        values[spec.name] = withLength(try setting.read(as: spec), spec)
      } else if let value = defaults[spec.name] {
        values[spec.name] = value
      } else if case .absent = spec.defaultValue {
        continue
      } else {
        throw InputError("\(subject): option '\(spec.name)'", found: "nothing", expected: spec.expected)
      }
    }
  }

  /// The default options of the strategy that `description` describes, except for those in `given`.
  ///
  /// Throws `InputError` when an option without a default is not in `given`, or when one of `given` does not fit.
  public init(of description: StrategyDescription, _ given: [String: OptionValue] = [:]) throws(InputError) {
    try self.init(description.name, specs: description.options, given: given)
  }

  /// Options from values that were already checked on the other side of a plugin's interface.
  package init(_ subject: String, specs: [OptionSpec], given: [String: OptionValue]) throws(InputError) {
    try self.init(
      subject, specs: specs,
      given: given.reduce(into: [:]) { $0[$1.key] = Setting(.typed($1.value), origin: "\(subject): \($1.key)") })
  }

  /// `value` as it is, except for a schedule without a length: it gets the steps of the run as its length.
  private func withLength(_ value: OptionValue, _ spec: OptionSpec) -> OptionValue {
    guard spec.kind == .schedule || spec.kind == .countSchedule, case .string(let text) = value,
      case .int(let steps)? = run["steps"], let schedule = Schedule(parsing: text, length: steps)
    else { return value }
    return .string(schedule.description)
  }

  /// No options at all.
  package static let none = OptionValues()

  private init() {
    subject = "options"
    run = [:]
  }

  private static func defaultOf(_ spec: OptionSpec, beside options: OptionValues) -> OptionValue? {
    switch spec.defaultValue {
    case .value(let value): spec.accepted(value)
    case .derived(_, let derive): derive(options).flatMap(spec.accepted)
    case .required, .absent: nil
    }
  }

  /// The value of `name`, given or by default; nil where it has none.
  public subscript(name: String) -> OptionValue? { values[name] }

  /// Every option that has a meaning and a value, in the declared order.
  public var effective: [(name: String, value: OptionValue)] {
    active.compactMap { name in values[name].map { (name, $0) } }
  }

  /// The effective options that differ from `base`. An option that is not in `base` is compared with its default.
  package func differing(from base: [String: OptionValue] = [:]) -> [(name: String, value: OptionValue)] {
    effective.filter { option in
      guard let usual = base[option.name] ?? defaults[option.name] else { return true }
      return option.value != usual && "\(option.value)" != "\(usual)"
    }
  }

  /// The integer `name`.
  public func int(_ name: String) throws(InputError) -> Int {
    guard case .int(let value)? = values[name] else { throw undeclared(name, "an integer") }
    return value
  }

  /// The number `name`.
  public func double(_ name: String) throws(InputError) -> Double {
    guard case .double(let value)? = values[name] else { throw undeclared(name, "a number") }
    return value
  }

  /// The option `name` as a schedule over the steps, for an option that accepts schedules.
  public func schedule(_ name: String) throws(InputError) -> Schedule {
    switch values[name] {
    case .double(let value)?: return Schedule(value)
    case .int(let value)?: return Schedule(value)
    case .string(let text)?:
      if let schedule = Schedule(parsing: text) { return schedule }
    default: break
    }
    throw undeclared(name, "a number or a schedule")
  }

  /// The switch `name`.
  public func bool(_ name: String) throws(InputError) -> Bool {
    guard case .bool(let value)? = values[name] else { throw undeclared(name, "a switch") }
    return value
  }

  /// The text `name`.
  public func string(_ name: String) throws(InputError) -> String {
    guard case .string(let value)? = values[name] else { throw undeclared(name, "a text") }
    return value
  }

  /// The choice `name` as a case of `T`, whose raw values are the words of the choice.
  public func choice<T: RawRepresentable<String>>(_ name: String, as type: T.Type = T.self) throws(InputError) -> T {
    guard let value = T(rawValue: try string(name)) else { throw undeclared(name, "a case of \(T.self)") }
    return value
  }

  /// The block selection `name`.
  public func blocks(_ name: String) throws(InputError) -> BlockSelection {
    try BlockSelection(parsing: try string(name))
  }

  /// The error of a factory that reads an option that it did not declare. It is a mistake of the programmer and not of
  /// the user, but a mistake in a plugin must not end the process.
  private func undeclared(_ name: String, _ type: String) -> InputError {
    InputError(
      "\(subject): option '\(name)'", found: "\(values[name].map { "'\($0)'" } ?? "no value")",
      expected: "\(type), declared among its options")
  }
}
