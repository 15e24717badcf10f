import Foundation

/// A file that grows at its end.
public final class AppendedFile {
  /// The path of the file.
  public let path: String
  private let descriptor: Int32

  /// Opens `path` for appending behind its first `kept` bytes. What follows them is cut off. Where `kept` is nil, the
  /// file must not exist yet.
  public init(_ path: String, keeping kept: Int?) throws(InputError) {
    self.path = path
    let flags = O_WRONLY | O_CLOEXEC | O_APPEND | (kept == nil ? O_CREAT | O_EXCL : 0)
    descriptor = open(path, flags, 0o644)
    guard descriptor >= 0 else { throw InputError.system(path, expected: "a file that can be written") }
    if let kept, ftruncate(descriptor, off_t(kept)) != 0 {
      throw InputError.system(path, expected: "a file that can be cut off after \(kept) bytes")
    }
    if kept == nil { synchronizeFolder(of: path) }
  }

  deinit { close(descriptor) }

  /// Writes all of `bytes`.
  public func write(_ bytes: some ContiguousBytes) throws(InputError) {
    guard bytes.withUnsafeBytes({ writeAll($0, to: descriptor) }) else {
      throw InputError.system(path, expected: "room to write")
    }
  }

  /// Waits until everything that was written is on disk.
  public func synchronize() throws(InputError) {
    if fsync(descriptor) != 0, errno != EINVAL {
      throw InputError.system(path, expected: "a disk that can be synchronised")
    }
  }
}
