import Foundation

extension InputError {
  /// The error of the system call that has just failed on `subject`.
  public static func system(_ subject: String, expected: String) -> InputError {
    InputError(subject, found: "the error '\(String(cString: strerror(errno)))'", expected: expected)
  }
}

extension String {
  /// The path of `name` in the directory that this path names.
  public func appendingFile(_ name: String) -> String { hasSuffix("/") ? self + name : self + "/" + name }
}
