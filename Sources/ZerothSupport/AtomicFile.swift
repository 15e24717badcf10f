import Foundation

/// A file that appears under its path complete or not at all.
///
/// Bytes go to a temporary file in the same directory, which `commit` flushes to the disk and renames. Whatever
/// happens before, the path keeps what it held; a value dropped without `commit` removes the temporary file.
public struct AtomicFile: ~Copyable {
  private let path: String
  private let temporaryPath: String
  private let descriptor: Int32
  private var isCommitted = false

  /// Creates the temporary file `.NAME.<random>.tmp` beside `path`.
  public init(path: String) throws(InputError) {
    let name = path.split(separator: "/").last ?? ""
    self.path = path
    temporaryPath = path.folder.appendingFile(".\(name).\(String(UInt64.random(in: 0 ... .max), radix: 36)).tmp")
    descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw InputError.system(path, expected: "a path that can be written") }
  }

  deinit {
    close(descriptor)
    if !isCommitted { unlink(temporaryPath) }
  }

  /// Appends `bytes`.
  public func write(_ bytes: UnsafeRawBufferPointer) throws(InputError) {
    guard writeAll(bytes, to: descriptor) else {
      throw InputError.system(path, expected: "room for the whole file")
    }
  }

  /// Appends `bytes`.
  public func write(_ bytes: Data) throws(InputError) {
    guard bytes.withUnsafeBytes({ writeAll($0, to: descriptor) }) else {
      throw InputError.system(path, expected: "room for the whole file")
    }
  }

  /// Appends `text` as UTF-8.
  public func write(_ text: String) throws(InputError) {
    try Array(text.utf8).withUnsafeBufferPointer { (bytes) throws(InputError) in
      try write(UnsafeRawBufferPointer(bytes))
    }
  }

  /// Gives the file its name, over whatever bore it before.
  public consuming func commit() throws(InputError) {
    guard fsync(descriptor) == 0, rename(temporaryPath, path) == 0 else {
      throw InputError.system(path, expected: "a path that can be written")
    }
    isCommitted = true
    synchronizeFolder(of: path)
  }

  /// Removes the temporary files that processes left in `folders` when they were killed.
  public static func removeRemains(in folders: [String]) {
    for folder in folders {
      for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      where name.wholeMatch(of: /\..+\.[0-9a-z]+\.tmp/) != nil {
        unlink(folder.appendingFile(name))
      }
    }
  }

  /// Writes `text` to `path`: a reader sees the old file or the new one, and never a part.
  public static func write(_ text: String, to path: String) throws(InputError) {
    let file = try AtomicFile(path: path)
    try file.write(text)
    try file.commit()
  }
}
