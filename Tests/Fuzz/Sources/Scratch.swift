import Foundation

/// A folder for the files of one input, gone with the process.
enum Scratch {
  static let path: String = {
    let path = FileManager.default.temporaryDirectory.path + "/zeroth-fuzz-\(getpid())"
    guard mkdir(path, 0o700) == 0 else { fatalError("the scratch folder \(path) cannot be made") }
    atexit { try? FileManager.default.removeItem(atPath: Scratch.path) }
    return path
  }()

  /// The path of a file `name` that holds `bytes`.
  static func file(_ name: String, _ bytes: ArraySlice<UInt8>) -> String {
    let file = path + "/" + name
    let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    guard descriptor >= 0, count == bytes.count, close(descriptor) == 0 else { fatalError("\(file) cannot be written") }
    return file
  }

  /// The same for a whole array.
  static func file(_ name: String, _ bytes: [UInt8]) -> String { file(name, bytes[...]) }

  /// Makes the folder hold the files of `input`, each behind a line `=== NAME`, as far as their names are among `names`.
  /// What stands before the first such line has no name; it is returned.
  static func unpack(_ input: [UInt8], _ names: [String]) -> ArraySlice<UInt8> {
    for name in names { unlink(path + "/" + name) }
    let mark = Array("=== ".utf8)
    let newline = UInt8(ascii: "\n")
    var starts = input.indices.filter { input[$0] == mark[0] && input[$0...].starts(with: mark) }
    starts = starts.filter { $0 == 0 || input[$0 - 1] == newline }
    for (start, end) in zip(starts, starts.dropFirst() + [input.count]) {
      guard let line = input[start..<end].firstIndex(of: newline) else { continue }
      let name = String(decoding: input[(start + mark.count)..<line], as: UTF8.self)
      // The line end before a mark is the mark's.
      if names.contains(name) { _ = file(name, input[(line + 1)..<max(line + 1, end == input.count ? end : end - 1)]) }
    }
    return input[..<(starts.first ?? input.count)]
  }
}
