import Foundation
import Zeroth

/// Reads files whose every fault becomes an ``InputError`` that names the file and the field.
enum TokenizerFiles {
  static func bytes(_ path: String) throws(InputError) -> Data {
    do {
      return try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw InputError(path, found: "a file that cannot be read", expected: "a readable file")
    }
  }

  static func text(_ path: String) throws(InputError) -> String {
    guard let text = String(validating: try bytes(path), as: UTF8.self) else {
      throw InputError(path, found: "bytes that are not UTF-8", expected: "UTF-8 text")
    }
    return text
  }

  static func json<Value: Decodable>(_ type: Value.Type, _ path: String) throws(InputError) -> Value {
    let data = try bytes(path)
    do {
      return try JSONDecoder().decode(type, from: data)
    } catch let error as DecodingError {
      throw InputError(error, in: path)
    } catch {
      throw InputError(path, found: "text that is not JSON", expected: "a JSON object")
    }
  }
}

extension InputError {
  /// A decoding error in the words of this project.
  fileprivate init(_ error: DecodingError, in path: String) {
    func subject(_ keys: [any CodingKey]) -> String {
      let field = keys.map { $0.intValue.map { "[\($0)]" } ?? ".\($0.stringValue)" }.joined()
      return keys.isEmpty ? path : "\(path): \(field.drop { $0 == "." })"
    }
    /// Foundation says "Expected to decode Int but found a string instead.".
    func found(_ context: DecodingError.Context) -> String {
      let words = context.debugDescription.split(separator: " but found ", maxSplits: 1)
      guard words.count == 2 else { return "a value of another type" }
      return words[1].replacingOccurrences(of: " instead.", with: "")
    }
    func name(_ type: Any.Type) -> String {
      switch type {
      case is Int.Type: "an integer"
      case is Bool.Type: "true or false"
      case is String.Type: "a string"
      case is [Any].Type: "an array"
      default: "an object"
      }
    }
    switch error {
    case .typeMismatch(let type, let context):
      self.init(subject(context.codingPath), found: found(context), expected: name(type))
    case .valueNotFound(let type, let context):
      self.init(subject(context.codingPath), found: "null", expected: name(type))
    case .keyNotFound(let key, let context):
      self.init(subject(context.codingPath + [key]), found: "no such field", expected: "a value")
    case .dataCorrupted(let context) where !context.codingPath.isEmpty:
      self.init(subject(context.codingPath), found: context.debugDescription, expected: "another value")
    default:
      // Foundation does not say where.
      self.init(path, found: "text that is not JSON, or a number that is no 64-bit integer", expected: "a JSON object")
    }
  }
}
