import Zeroth
import ZerothSupport

/// Reads the numbers and texts of a GGUF header one after another, and never beyond the end of the file.
struct GGUFBytes {
  private let bytes: UnsafeRawBufferPointer
  private let path: String
  /// The offset of the next value.
  private(set) var place = 0

  init(_ file: MappedFile) {
    bytes = file.bytes
    path = file.path
  }

  /// The number of bytes that are left.
  var left: Int { bytes.count - place }

  /// Reads a little-endian number of the width of `T` for the field `field`.
  mutating func number<T: FixedWidthInteger>(_ field: @autoclosure () -> String, as type: T.Type = T.self)
    throws(InputError) -> T
  {
    let size = MemoryLayout<T>.size
    guard size <= left else { throw cut(field(), wants: "\(size) bytes") }
    defer { place += size }
    return T(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: T.self))
  }

  /// Reads a count or a length for `field`. Each of the counted things takes at least `least` bytes, so that a count
  /// that the rest of the file cannot hold is an error.
  mutating func count(_ field: @autoclosure () -> String, least: Int) throws(InputError) -> Int {
    let count: UInt64 = try number(field())
    guard count <= UInt64(left / least) else {
      throw InputError(
        "\(path): \(field())", found: "\(count), with \(left) bytes left in the file",
        expected: "at most \(left / least); the file is cut short or damaged, if it was right once: download it again")
    }
    return Int(count)
  }

  /// Reads a text for `field`: its length and that many bytes of UTF-8.
  mutating func text(_ field: @autoclosure () -> String) throws(InputError) -> String {
    let count = try count("\(field()): length", least: 1)
    guard let text = String(validating: bytes[place..<(place + count)], as: UTF8.self) else {
      throw InputError("\(path): \(field())", found: "bytes that are not UTF-8", expected: "UTF-8 text")
    }
    place += count
    return text
  }

  private func cut(_ field: String, wants: String) -> InputError {
    InputError(
      "\(path): \(field)", found: "the end of the file", expected: "\(wants); the file is cut short: download it again")
  }
}
