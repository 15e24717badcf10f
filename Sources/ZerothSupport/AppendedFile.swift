import Foundation

/// A file that grows at its end.
public final class AppendedFile {
  /// Where it is.
  public let path: String
  private let descriptor: Int32

  /// Opens `path` for appending after its first `kept` bytes; what follows them is cut off. With nil the file must
  /// be new.
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

  /// Waits until what was written is on the disk.
  public func synchronize() throws(InputError) {
    if fsync(descriptor) != 0, errno != EINVAL {
      throw InputError.system(path, expected: "a disk that can be synchronised")
    }
  }
}
