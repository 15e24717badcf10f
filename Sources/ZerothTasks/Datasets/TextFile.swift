import Foundation
import Zeroth

/// The encodings of the files of a task.
public enum TextEncoding: Sendable, Hashable {
  /// UTF-8; anything else is an error.
  case utf8
  /// UTF-8, or Latin-1 where the bytes are not UTF-8.
  case utf8OrLatin1
}

/// The contents of a text file as valid UTF-8 without a byte order mark. A gzip file is decompressed. Where lines end with
/// carriage returns alone, as some spreadsheets write them, these are line feeds here.
struct TextFile {
  let path: String
  let bytes: [UInt8]

  init(path: String, encoding: TextEncoding) throws(InputError) {
    let contents: [UInt8]
    do {
      contents = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    } catch {
      throw InputError(path, found: "a file that cannot be read", expected: "a readable file")
    }
    try self.init(path: path, contents: contents, encoding: encoding)
  }

  init(path: String, contents: [UInt8], encoding: TextEncoding = .utf8) throws(InputError) {
    var bytes = contents
    if bytes.starts(with: Gzip.magic) { bytes = try Gzip.decompress(bytes, path: path) }
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
    let (lineFeed, carriageReturn) = (UInt8(ascii: "\n"), UInt8(ascii: "\r"))
    if !bytes.contains(lineFeed) { bytes = bytes.map { $0 == carriageReturn ? lineFeed : $0 } }
    self.path = path
    if Self.isUTF8(bytes[...]) {
      self.bytes = bytes
    } else if encoding == .utf8OrLatin1 {
      self.bytes = bytes.flatMap { Array(String(UnicodeScalar($0)).utf8) }
    } else {
      let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      let bad = lines.firstIndex { !Self.isUTF8($0) } ?? 0
      throw InputError("\(path) line \(bad + 1)", found: "bytes that are not UTF-8", expected: "UTF-8 text")
    }
  }

  private static func isUTF8(_ bytes: ArraySlice<UInt8>) -> Bool { String(validating: bytes, as: UTF8.self) != nil }

  /// The first line that is not blank, or an empty string.
  var firstLine: String {
    let line = bytes.split(separator: UInt8(ascii: "\n")).lazy.map { String(decoding: $0, as: UTF8.self).trimmed }
    return line.first { !$0.isEmpty } ?? ""
  }

  /// The lines that are not blank, without `\n` or `\r\n`, each with its number from 1.
  var lines: [(number: Int, text: String)] {
    var lines: [(number: Int, text: String)] = []
    var number = 0
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      let text = String(decoding: line.last == UInt8(ascii: "\r") ? line.dropLast() : line, as: UTF8.self)
      if text.contains(where: { !$0.isWhitespace }) { lines.append((number, text)) }
    }
    return lines
  }
}
