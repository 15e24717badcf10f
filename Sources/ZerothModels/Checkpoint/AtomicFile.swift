import Foundation
import Zeroth

/// A file that appears under its path complete or not at all.
///
/// Bytes go to a temporary file in the same directory, which `commit` flushes to the disk and renames. Whatever
/// happens before, the path keeps what it held; a value dropped without `commit` removes the temporary file.
struct AtomicFile: ~Copyable {
  private let path: String
  private let temporaryPath: String
  private let descriptor: Int32
  private var isCommitted = false

  /// Creates the temporary file `.NAME.<random>.tmp` beside `path`.
  init(path: String) throws {
    let (directory, name) = AtomicFile.split(path)
    self.path = path
    temporaryPath = directory.appendingFile(".\(name).\(String(UInt64.random(in: 0 ... .max), radix: 36)).tmp")
    descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw InputError.system(path, expected: "a path that can be written") }
  }

  deinit {
    close(descriptor)
    if !isCommitted { unlink(temporaryPath) }
  }

  /// Appends `bytes`.
  func write(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes
    while !rest.isEmpty {
      let count = Foundation.write(descriptor, rest.baseAddress, rest.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw InputError.system(path, expected: "room for the whole file") }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  /// Appends `text` as UTF-8.
  func write(_ text: String) throws {
    var text = text
    try text.withUTF8 { try write(UnsafeRawBufferPointer($0)) }
  }

  /// Gives the file its name, over whatever bore it before.
  consuming func commit() throws {
    guard fsync(descriptor) == 0, rename(temporaryPath, path) == 0 else {
      throw InputError.system(path, expected: "a path that can be written")
    }
    isCommitted = true
    // The rename itself lasts through a power cut only when the directory is flushed; not every file system can.
    let directory = open(AtomicFile.split(path).directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if directory >= 0 {
      fsync(directory)
      close(directory)
    }
  }

  private static func split(_ path: String) -> (directory: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return (".", path) }
    let directory = slash == path.startIndex ? "/" : String(path[..<slash])
    return (directory, String(path[path.index(after: slash)...]))
  }
}
