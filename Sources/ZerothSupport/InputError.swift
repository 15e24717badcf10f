/// Something a user gave us cannot be used: a file, a field, an option, a composition.
///
/// Every error of this project about input is one of these, so that each names what is wrong, what was found
/// there and what was expected, and the command-line tool can print it in one line and exit with status 2.
public struct InputError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The file, field or option at fault, such as `model.safetensors: tensor 'lm_head.weight'`.
  public let subject: String
  /// What was found there.
  public let found: String
  /// What would have been accepted.
  public let expected: String

  /// An error about `subject`, where `found` stands in place of what was `expected`.
  public init(_ subject: String, found: String, expected: String) {
    self.subject = subject
    self.found = found
    self.expected = expected
  }

  /// One sentence: `subject: found ..., expected ...`.
  public var description: String { "\(subject): found \(found), expected \(expected)" }
}

/// Checks a number that a user gave: throws `InputError` naming `option` unless `isValid`.
public func require<T>(
  _ option: String, _ value: T, _ expected: String, _ isValid: (T) -> Bool
) throws(InputError) {
  if !isValid(value) { throw InputError(option, found: "\(value)", expected: expected) }
}
