import Zeroth
import ZerothSupport

/// The header of a safetensors file. All of it is checked against the file before any tensor is read.
///
/// The file is an unsigned 64-bit little-endian length, a JSON object of that many bytes, and the data. Each member
/// `name: {dtype, shape, data_offsets: [begin, end]}` describes one tensor. The data holds all tensors without gaps.
/// The format: https://github.com/huggingface/safetensors#format
struct SafetensorsHeader {
  /// The longest header the format allows, in bytes.
  static let maximumLength = 100_000_000

  /// All tensors in the order of their data.
  private(set) var tensors: [TensorInfo] = []
  /// The strings under `__metadata__`.
  private(set) var metadata: [String: String] = [:]

  private let path: String
  private let dataStart: Int
  private let dataLength: Int

  init(of file: MappedFile) throws {
    path = file.path
    try ForeignWeights.refuse(file)
    guard file.bytes.count >= 8 else {
      throw InputError(
        path, found: "a file of \(file.bytes.count) bytes",
        expected:
          "a safetensors file, which starts with 8 bytes that give the length of its header; the file is cut short: "
          + "download it again")
    }
    let length = UInt64(littleEndian: file.bytes.loadUnaligned(as: UInt64.self))
    guard length <= UInt64(SafetensorsHeader.maximumLength) else {
      throw InputError(
        "\(path): header", found: "a length of \(length) bytes",
        expected: "at most \(SafetensorsHeader.maximumLength) (is this a safetensors file?)")
    }
    guard length <= file.bytes.count - 8 else {
      throw InputError(
        "\(path): header", found: "a length of \(length) bytes in a file of \(file.bytes.count)",
        expected: "at most \(file.bytes.count - 8); the file is cut short: download it again")
    }
    dataStart = 8 + Int(length)
    dataLength = file.bytes.count - dataStart
    let header = try JSON(
      parsing: UnsafeRawBufferPointer(rebasing: file.bytes[8..<dataStart]), subject: "\(path): header")
    guard let members = header.members, file.bytes[8] == UInt8(ascii: "{") else {
      throw InputError("\(path): header", found: header.summary, expected: "a JSON object, from its first byte on")
    }
    tensors.reserveCapacity(members.count)
    for member in members {
      if member.key == "__metadata__" {
        metadata = try metadata(of: member.value)
      } else {
        tensors.append(try tensor(named: member.key, member.value))
      }
    }
    try checkThatTensorsFillTheData()
  }

  private func subject(_ tensor: String) -> String { "\(path): tensor '\(tensor.excerpt)'" }

  private func metadata(of json: JSON) throws -> [String: String] {
    guard let members = json.members else {
      throw InputError("\(path): __metadata__", found: json.summary, expected: "an object of strings")
    }
    var metadata: [String: String] = [:]
    for member in members {
      guard let text = member.value.string else {
        throw InputError(
          "\(path): __metadata__: \(member.key.excerpt)", found: member.value.summary, expected: "a string")
      }
      metadata[member.key] = text
    }
    return metadata
  }

  private func tensor(named name: String, _ json: JSON) throws -> TensorInfo {
    guard json.members != nil else {
      throw InputError(
        subject(name), found: json.summary, expected: "an object with dtype, shape and data_offsets")
    }
    guard let typeName = json["dtype"]?.string, let type = ElementType(rawValue: typeName) else {
      throw InputError(
        "\(subject(name)): dtype", found: json["dtype"]?.summary ?? "nothing",
        expected: "one of " + ElementType.allCases.map(\.rawValue).joined(separator: ", "))
    }
    let shape = try naturalNumbers("shape", of: name, json)
    let offsets = try naturalNumbers("data_offsets", of: name, json)
    guard offsets.count == 2, offsets[0] <= offsets[1] else {
      throw InputError(
        "\(subject(name)): data_offsets", found: "\(offsets)".excerpt, expected: "[begin, end] with begin <= end")
    }
    guard offsets[1] <= dataLength else {
      throw InputError(
        "\(subject(name)): data_offsets", found: "\(offsets) in a file of \(dataLength) bytes of data",
        expected: "an end of at most \(dataLength); the file is cut short, if its header is right: download it again")
    }
    guard let size = type.size(ofShape: shape), size.bytes == offsets[1] - offsets[0] else {
      let needed = type.size(ofShape: shape).map { "\($0.bytes)" } ?? "a number beyond 64 bits or a fraction"
      throw InputError(
        "\(subject(name)): data_offsets", found: "\(offsets[1] - offsets[0]) bytes",
        expected: "\(needed) for the shape \("\(shape)".excerpt) of \(typeName)")
    }
    // Neither sum can overflow, because both offsets are at most dataLength.
    return TensorInfo(
      name: name, elementType: type, shape: shape, byteRange: dataStart + offsets[0]..<dataStart + offsets[1])
  }

  private func naturalNumbers(_ field: String, of name: String, _ json: JSON) throws -> [Int] {
    let expected = "an array of integers from 0 to \(Int.max)"
    guard let elements = json[field]?.elements else {
      throw InputError("\(subject(name)): \(field)", found: json[field]?.summary ?? "nothing", expected: expected)
    }
    return try elements.map { element in
      guard let number = element.integer, number >= 0 else {
        throw InputError("\(subject(name)): \(field)", found: "\(element.summary) in it", expected: expected)
      }
      return number
    }
  }

  /// Sorts the tensors by their offsets, and checks that they cover the data exactly once, as the format demands.
  private mutating func checkThatTensorsFillTheData() throws {
    tensors.sort {
      ($0.byteRange.lowerBound, $0.byteRange.upperBound) < ($1.byteRange.lowerBound, $1.byteRange.upperBound)
    }
    var end = dataStart
    var last: String?
    for tensor in tensors {
      let begin = tensor.byteRange.lowerBound
      guard begin >= end else {
        throw InputError(
          "\(subject(tensor.name)): data_offsets",
          found: "data from byte \(begin - dataStart) on, inside tensor '\((last ?? "").excerpt)'",
          expected: "tensors that do not overlap")
      }
      guard begin == end else {
        throw InputError(
          "\(subject(tensor.name)): data_offsets", found: "\(begin - end) bytes before it that belong to no tensor",
          expected: "data without a gap, from byte \(end - dataStart) on")
      }
      end = tensor.byteRange.upperBound
      last = tensor.name
    }
    guard end == dataStart + dataLength else {
      throw InputError(
        last.map(subject) ?? path, found: "\(dataStart + dataLength - end) bytes after it that belong to no tensor",
        expected: "a file that ends with its last tensor")
    }
  }
}
