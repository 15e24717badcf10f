import Foundation
import ZerothSupport

/// A file of named values, one after another. All numbers are little endian.
///
///     8 bytes   ZEROTHST
///     4 bytes   the version
///     each value:
///               1 byte type, 2 bytes length of the name, 8 bytes length of the value; the name; the value;
///               8 bytes xxh64 of all of these, seeded by the hash of the value before
///     at last   type 0, and the hash
///
/// Each hash depends on the one before. So a value is accepted only at its own position, and a file that was cut off is
/// detected by its missing end.
enum StateFile {
  static let magic = Array("ZEROTHST".utf8)
  static let version: UInt32 = 1
  /// The number of bytes in front of a name: 1 of the type, 2 and 8 of the lengths.
  static let headSize = 11
}

/// Writes the values of a checkpoint to a file.
final class StateSink: StateWriting {
  /// The path of the file, also for messages of errors.
  let path: String
  /// The number of bytes so far.
  private(set) var size = 0
  private var file: AtomicFile?
  private let isCounting: Bool
  private var hash: UInt64 = 0

  /// The values go to a file at `path`, which appears there when all of them are written. Where `isCounting` is true
  /// nothing is written, and the bytes are only counted.
  init(_ path: String, isCounting: Bool = false) throws(InputError) {
    self.path = path
    self.isCounting = isCounting
    file = isCounting ? nil : try AtomicFile(path: path)
    var head = StateFile.magic
    withUnsafeBytes(of: StateFile.version.littleEndian) { head.append(contentsOf: $0) }
    try put(head)
  }

  func write(_ name: String, _ type: StateType, _ value: UnsafeRawBufferPointer) throws(InputError) {
    let head = Self.head(name, type.rawValue, value.count)
    try put(head)
    try put(value)
    if !isCounting { hash = ContentHash.xxh64(value, seed: head.withUnsafeBytes { ContentHash.xxh64($0, seed: hash) }) }
    try putHash()
  }

  /// Writes the end of the file, and moves the file to its path.
  func finish() throws(InputError) {
    let head = Self.head("", 0, 0)
    try put(head)
    hash = head.withUnsafeBytes { ContentHash.xxh64($0, seed: hash) }
    try putHash()
    try file.take()?.commit()
  }

  private static func head(_ name: String, _ type: UInt8, _ count: Int) -> [UInt8] {
    let name = Array(name.utf8)
    var head = [type]
    withUnsafeBytes(of: UInt16(name.count).littleEndian) { head.append(contentsOf: $0) }
    withUnsafeBytes(of: UInt64(count).littleEndian) { head.append(contentsOf: $0) }
    head.append(contentsOf: name)
    return head
  }

  private func putHash() throws(InputError) {
    try put(withUnsafeBytes(of: hash.littleEndian) { Array($0) })
  }

  private func put(_ bytes: [UInt8]) throws(InputError) {
    try bytes.withUnsafeBufferPointer { (bytes) throws(InputError) in try put(UnsafeRawBufferPointer(bytes)) }
  }

  private func put(_ bytes: UnsafeRawBufferPointer) throws(InputError) {
    size += bytes.count
    try file?.write(bytes)
  }
}

/// Reads the values of a checkpoint from a file that was checked to be whole.
final class StateSource: StateReading {
  /// The path of the file, also for messages of errors.
  let path: String
  private let data: Data
  private var position = 0

  /// Opens the file at `path`. Throws `InputError` unless it is a whole, undamaged checkpoint of this version.
  init(_ path: String) throws(InputError) {
    self.path = path
    guard let data = try? Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped) else {
      throw InputError(path, found: "no file that can be read", expected: "a checkpoint")
    }
    self.data = data
    let start = StateFile.magic.count
    guard data.count >= start + 4, Array(data.prefix(start)) == StateFile.magic else {
      throw InputError(path, found: "a file of another kind", expected: "a checkpoint, which begins with ZEROTHST")
    }
    let version: UInt32 = number(at: start)
    guard version == StateFile.version else {
      throw InputError("\(path): version", found: "\(version)", expected: "\(StateFile.version)")
    }
    position = start + 4
    try check()
    position = start + 4
  }

  /// Throws `InputError` unless every hash is right and the file has its end.
  private func check() throws(InputError) {
    var hash: UInt64 = 0
    while true {
      let start = position
      guard let (type, name, value) = next() else {
        throw InputError(
          path, found: "a file that ends at \(data.count) bytes", expected: "more: it was not written whole")
      }
      hash = bytes(start..<value.lowerBound) { ContentHash.xxh64($0, seed: hash) }
      if type != 0 { hash = bytes(value) { ContentHash.xxh64($0, seed: hash) } }
      let stored: UInt64 = number(at: value.upperBound)
      guard stored == hash else {
        throw InputError(
          "\(path): \(name.isEmpty ? "its end" : name)", found: "the hash \(ContentHash.hex(stored))",
          expected: "\(ContentHash.hex(hash)), that of its bytes in this place: the file is damaged")
      }
      guard type == 0 else { continue }
      guard position == data.count else {
        throw InputError(
          path, found: "\(data.count - position) bytes behind its end", expected: "none: the file is damaged")
      }
      return
    }
  }

  /// Reads the next value, which must have this name and type.
  func read(_ name: String, _ type: StateType) throws(InputError) -> UnsafeRawBufferPointer {
    guard let (foundType, foundName, value) = next(), foundType != 0 else {
      throw InputError("\(path): \(name)", found: "the end", expected: "its value: a state of another composition?")
    }
    guard foundName == name, foundType == type.rawValue else {
      throw InputError(
        "\(path): \(name)", found: "the value of '\(foundName)'",
        expected: "its \(type): a state of another composition?")
    }
    // The bytes stay valid: the file is mapped for as long as this object lives.
    return bytes(value) { $0 }
  }

  /// The number of elements of the next value, which must have this name and type.
  func count(_ name: String, _ type: StateType) throws(InputError) -> Int {
    let start = position
    defer { position = start }
    return try read(name, type).count / type.size
  }

  /// Throws `InputError` unless all values were read.
  func finish() throws(InputError) {
    guard let (type, name, _) = next(), type != 0 else { return }
    throw InputError(
      "\(path): \(name)", found: "a value that nothing asks for", expected: "the end: a state of another composition?")
  }

  /// Reads the value at the current position and moves behind it. Nil where the file ends before the end of the value.
  private func next() -> (type: UInt8, name: String, value: Range<Int>)? {
    guard data.count - position >= StateFile.headSize else { return nil }
    let type = bytes(position..<(position + 1)) { $0[0] }
    let nameCount = Int(number(at: position + 1) as UInt16)
    let first = position + StateFile.headSize + nameCount
    guard let count = Int(exactly: number(at: position + 3) as UInt64), data.count - first >= 8,
      count <= data.count - first - 8
    else { return nil }
    let name = bytes((position + StateFile.headSize)..<first) { String(decoding: $0, as: UTF8.self) }
    position = first + count + 8
    return (type, name, first..<(first + count))
  }

  private func bytes<R>(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    data.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[range])) }
  }

  private func number<T: FixedWidthInteger>(at place: Int) -> T {
    data.withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: place, as: T.self)) }
  }
}
