import Foundation
import Testing
import Zeroth
import ZerothModels

/// A fresh folder that goes with the value.
final class TemporaryFolder {
  let path = FileManager.default.temporaryDirectory.appendingPathComponent("zeroth-\(UUID().uuidString)").path

  init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The names of everything in it, hidden files included.
  var contents: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }

  func path(_ name: String) -> String { path + "/" + name }

  @discardableResult
  func write(_ bytes: [UInt8], to name: String) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: path(name)))
    return path(name)
  }

  @discardableResult
  func write(_ text: String, to name: String) throws -> String { try write([UInt8](text.utf8), to: name) }

  func text(_ name: String) throws -> String { try String(contentsOfFile: path(name), encoding: .utf8) }
}

/// The bytes of a safetensors file, put together without the code under test.
func safetensorsBytes(header: String, data: [UInt8]) -> [UInt8] {
  let length = UInt64(header.utf8.count)
  return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + [UInt8](header.utf8) + data
}

/// The little-endian bytes of `words`.
func littleEndianBytes<Word: FixedWidthInteger>(_ words: some Sequence<Word>) -> [UInt8] {
  words.flatMap { word in (0..<(Word.bitWidth / 8)).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
}

/// One way in which a file can be wrong, and what the message about it has to mention.
struct Defect: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let content: String
  let mentions: [String]

  init(_ description: String, _ content: String, _ mentions: String...) {
    testDescription = description
    self.content = content
    self.mentions = mentions
  }

  /// Checks that the message names the file at `path` and all that `mentions` lists.
  func expect(_ error: InputError?, at path: String) {
    guard let error else { return }
    for mention in [path] + mentions {
      #expect(error.description.contains(mention), "\(error) does not mention \(mention)")
    }
    #expect(!error.found.isEmpty && !error.expected.isEmpty)
  }
}

extension SafetensorsFile {
  func floats(_ name: String) throws -> [Float] {
    let count = try info(name).elementCount
    return try [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      try read(name, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
      initialized = count
    }
  }
}

extension Checkpoint {
  func floats(_ name: String) throws -> [Float] {
    let count = try info(name).elementCount
    return try [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      try read(name, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
      initialized = count
    }
  }
}
