import CZerothPlugin
import Zeroth
import ZerothStrategies
import ZerothSupport

/// Reads data of a library. None of it is trusted: every pointer is read only once, and under a guard that catches a
/// crash.
struct PluginMemory {
  /// The name of what is read, for errors: the path of the library and more.
  let subject: String

  /// The largest size of a struct in bytes. A library may be built against a newer version of the interface, so that
  /// its structs are longer than those known here.
  private static let largest: UInt64 = 1 << 16

  /// The value at `address`.
  func value<T: BitwiseCopyable>(_ what: String, at address: UnsafeRawPointer?, of type: T.Type) throws(InputError) -> T
  {
    guard let address else { throw error(what, found: "NULL", expected: "an address") }
    let copy = UnsafeMutablePointer<T>.allocate(capacity: 1)
    defer { copy.deallocate() }
    if zeroth_guarded_copy(copy, address, UInt64(MemoryLayout<T>.size)) != 0 {
      throw error(what, found: "an address that cannot be read", expected: "\(T.self)")
    }
    return copy.pointee
  }

  /// The struct at `address`. Its first member is its size.
  func structure<T: BitwiseCopyable>(
    _ what: String, at address: UnsafeRawPointer?, of type: T.Type
  ) throws(InputError) -> T {
    try checkSize(what, try value(what, at: address, of: UInt64.self), type)
    return try value(what, at: address, of: type)
  }

  /// Throws if a struct of `size` bytes is too small for the members that are known here, or larger than the limit.
  func checkSize<T>(_ what: String, _ size: UInt64, _ type: T.Type) throws(InputError) {
    guard (UInt64(MemoryLayout<T>.size)...Self.largest).contains(size) else {
      throw error(what, found: "a size of \(size) bytes", expected: "\(MemoryLayout<T>.size), as of \(T.self)")
    }
  }

  /// The text at `address`, made into one line; nil if there is none. Throws if it has more than `limit` bytes.
  func optionalText(_ what: String, _ address: UnsafePointer<CChar>?, limit: Int = 4096) throws(InputError) -> String? {
    guard let address else { return nil }
    let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: limit + 1)
    defer { copy.deallocate() }
    var length: UInt64 = 0
    guard zeroth_guarded_text(copy.baseAddress, address, UInt64(limit + 1), &length) == 0 else {
      throw error(what, found: "an address that cannot be read", expected: "a text")
    }
    guard length <= UInt64(limit) else {
      throw error(what, found: "a text of more than \(limit) bytes", expected: "a shorter one")
    }
    return Self.line(copy.prefix(Int(length)))
  }

  /// The text at `address`. Throws if there is none, or if it is empty.
  func text(_ what: String, _ address: UnsafePointer<CChar>?, limit: Int = 4096) throws(InputError) -> String {
    guard let text = try optionalText(what, address, limit: limit), !text.isEmpty else {
      throw error(what, found: address == nil ? "NULL" : "an empty text", expected: "a text")
    }
    return text
  }

  /// The name at `address`. Throws if it is not in kebab-case.
  func name(_ what: String, _ address: UnsafePointer<CChar>?) throws(InputError) -> String {
    let name = try text(what, address, limit: 64)
    guard name.wholeMatch(of: /[a-z0-9]+(-[a-z0-9]+)*/) != nil else {
      throw error(what, found: "'\(name)'", expected: "kebab-case: letters, digits and '-'")
    }
    return name
  }

  func error(_ what: String, found: String, expected: String) -> InputError {
    InputError("\(subject): \(what)", found: found, expected: expected)
  }

  /// Bytes as one line of text. Bytes that are not UTF-8 are replaced, and control characters become spaces.
  static func line(_ bytes: some Collection<CChar>) -> String {
    let text = String(decoding: bytes.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return String(
      String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
  }
}

extension zeroth_plugin_failure {
  /// An empty failure, for the plugin to fill.
  static var none: zeroth_plugin_failure {
    var failure = zeroth_plugin_failure()
    failure.size = UInt64(MemoryLayout<zeroth_plugin_failure>.size)
    return failure
  }

  /// The plugin's own report, as an error of `function`.
  func error(_ function: String, expected: String) -> InputError {
    func text<T>(_ field: T) -> String {
      withUnsafeBytes(of: field) { PluginMemory.line($0.prefix { $0 != 0 }.map { CChar(bitPattern: $0) }) }
    }
    let subject = text(self.subject)
    let words = text(self.expected)
    let message = text(message)
    return InputError(
      subject.isEmpty ? function : "\(function): \(subject)",
      found: message.isEmpty ? "a failure without a message" : message, expected: words.isEmpty ? expected : words)
  }
}
