/// Throws `LawViolation` unless `made` equals `strategy` in every field, private fields included. `made` is the
/// strategy that a registry makes without options; `strategy` is the one that its initialiser makes without arguments.
///
///     try checkOptionDefaults(of: OnePoint(), from: OnePoint(options: OptionValues(of: OnePoint.description)))
///
/// Then a user who leaves out an option gets the same from Swift, from a file and from the command line. An argument
/// without a default, such as a learning rate, is given to both. The two are compared in their state before the first
/// step.
public func checkOptionDefaults<Strategy>(of strategy: Strategy, from made: Any) throws {
  try demand(
    .optionsStartAtTheDefaults, made is Strategy, found: "\(type(of: made)) from the options",
    expected: "\(Strategy.self)")
  if let difference = firstDifference(strategy, made, at: "") {
    throw LawViolation(
      .optionsStartAtTheDefaults, found: "\(difference.path) = \(difference.made) by the options",
      expected: "\(difference.initial), as the initialiser has it")
  }
}

/// The first field in which two values of the same type differ: its path and the two values.
private func firstDifference(_ a: Any, _ b: Any, at path: String) -> (path: String, initial: String, made: String)? {
  if let a = a as? any Equatable, b is any Equatable {
    return a.isEqual(to: b) ? nil : (path, "\(a)", "\(b)")
  }
  let fields = Array(Mirror(reflecting: a).children)
  let others = Array(Mirror(reflecting: b).children)
  guard fields.count == others.count, !fields.isEmpty else {
    return "\(a)" == "\(b)" ? nil : (path, "\(a)", "\(b)")
  }
  for (field, other) in zip(fields, others) {
    let name = field.label ?? "?"
    if field.label != other.label { return (path, "\(a)", "\(b)") }
    if let found = firstDifference(field.value, other.value, at: path.isEmpty ? name : "\(path).\(name)") {
      return found
    }
  }
  return nil
}

extension Equatable {
  /// Whether `other` has this type and is equal.
  fileprivate func isEqual(to other: Any) -> Bool { (other as? Self) == self }
}
