import Foundation
import ZerothSupport

/// Reads files. Every problem becomes an ``InputError`` that names the file.
enum TokenizerFiles {
  static func bytes(_ path: String) throws(InputError) -> Data {
    do {
      return try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw InputError(path, found: "a file that cannot be read", expected: "a readable file")
    }
  }

  /// The lines of a text. Lines end in LF or CR LF; the last line may have no end.
  static func lines(_ path: String) throws(InputError) -> [String] {
    guard let text = String(validating: try bytes(path), as: UTF8.self) else {
      throw InputError(path, found: "bytes that are not UTF-8", expected: "UTF-8 text")
    }
    var lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
      String(Substring(line.last == UInt8(ascii: "\r") ? line.dropLast() : line))
    }
    if lines.last == "" { lines.removeLast() }
    return lines
  }
}
