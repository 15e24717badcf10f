/// The error for something that a user gave and that cannot be used: a file, a field, an option, a composition.
///
/// Every error of this project about input has this type. So each error names what is wrong, what was found there and
/// what was expected. The command-line tool prints it in one line and exits with status 2.
public struct InputError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The file, field or option at fault, such as `model.safetensors: tensor 'lm_head.weight'`.
  public let subject: String
  /// What was found there.
  public let found: String
  /// What would have been accepted.
  public let expected: String

  /// An error about `subject`, in which `found` was found in place of what was `expected`.
  public init(_ subject: String, found: String, expected: String) {
    self.subject = subject
    self.found = found
    self.expected = expected
  }

  /// One sentence: `subject: found ..., expected ...`.
  public var description: String { "\(subject): found \(found), expected \(expected)" }
}

/// Checks a number that a user gave. Throws an `InputError` that names `option` unless `isValid` returns true.
public func require<T>(
  _ option: String, _ value: T, _ expected: String, _ isValid: (T) -> Bool
) throws(InputError) {
  if !isValid(value) { throw InputError(option, found: "\(value)", expected: expected) }
}
