import Zeroth
import ZerothSupport

/// A value of a GGUF file's metadata.
enum GGUFValue: Sendable, Equatable {
  case integer(Int)
  case number(Float)
  case double(Double)
  case bool(Bool)
  case text(String)
  case integers([Int])
  case numbers([Float])
  case texts([String])

  /// The value in a few words, for messages of errors.
  var summary: String {
    switch self {
    case .integer(let value): "\(value)"
    case .number(let value): "\(value)"
    case .double(let value): "\(value)"
    case .bool(let value): "\(value)"
    case .text(let text): "'\(text.excerpt)'"
    case .integers(let values): "an array of \(values.count) integers"
    case .numbers(let values): "an array of \(values.count) numbers"
    case .texts(let texts): "an array of \(texts.count) texts"
    }
  }

  /// Reads a value, which follows its type. Integers beyond 63 bits, arrays of arrays, and arrays of 64-bit floats do
  /// not occur in models and are not read.
  init(_ bytes: inout GGUFBytes, field: String, path: String) throws(InputError) {
    let type: UInt32 = try bytes.number("\(field): type")
    guard type == 9 else {
      self = try Self.scalar(type, &bytes, field: field, path: path)
      return
    }
    let element: UInt32 = try bytes.number("\(field): type of elements")
    switch element {
    case 8:
      let count = try bytes.count("\(field): number of elements", least: 8)
      var texts: [String] = []
      texts.reserveCapacity(count)
      for i in 0..<count { texts.append(try bytes.text("\(field)[\(i)]")) }
      self = .texts(texts)
    case 6:
      let count = try bytes.count("\(field): number of elements", least: 4)
      var numbers: [Float] = []
      numbers.reserveCapacity(count)
      for _ in 0..<count { numbers.append(Float(bitPattern: try bytes.number(field))) }
      self = .numbers(numbers)
    case 0...5, 7, 10, 11:
      let size = [1, 1, 2, 2, 4, 4, 4, 1, 8, 8, 8, 8][Int(element)]
      let count = try bytes.count("\(field): number of elements", least: size)
      var integers: [Int] = []
      integers.reserveCapacity(count)
      for _ in 0..<count {
        switch try Self.scalar(element, &bytes, field: field, path: path) {
        case .integer(let value): integers.append(value)
        case .bool(let value): integers.append(value ? 1 : 0)
        default: break
        }
      }
      self = .integers(integers)
    default:
      throw InputError(
        "\(path): \(field): type of elements", found: "\(element)", expected: "0 to 8, 10 or 11, as GGUF numbers types")
    }
  }

  private static func scalar(
    _ type: UInt32, _ bytes: inout GGUFBytes, field: String, path: String
  ) throws(InputError) -> GGUFValue {
    switch type {
    case 0: return .integer(Int(try bytes.number(field, as: UInt8.self)))
    case 1: return .integer(Int(try bytes.number(field, as: Int8.self)))
    case 2: return .integer(Int(try bytes.number(field, as: UInt16.self)))
    case 3: return .integer(Int(try bytes.number(field, as: Int16.self)))
    case 4: return .integer(Int(try bytes.number(field, as: UInt32.self)))
    case 5: return .integer(Int(try bytes.number(field, as: Int32.self)))
    case 6: return .number(Float(bitPattern: try bytes.number(field)))
    case 7:
      let byte: UInt8 = try bytes.number(field)
      guard byte <= 1 else {
        throw InputError("\(path): \(field)", found: "\(byte)", expected: "0 or 1, a truth value")
      }
      return .bool(byte == 1)
    case 8: return .text(try bytes.text(field))
    case 10:
      let number: UInt64 = try bytes.number(field)
      guard let value = Int(exactly: number) else {
        throw InputError("\(path): \(field)", found: "\(number)", expected: "at most \(Int.max)")
      }
      return .integer(value)
    case 11: return .integer(Int(try bytes.number(field, as: Int64.self)))
    case 12: return .double(Double(bitPattern: try bytes.number(field)))
    default:
      throw InputError("\(path): \(field): type", found: "\(type)", expected: "0 to 12, as GGUF numbers types")
    }
  }
}
