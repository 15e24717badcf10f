import Foundation

/// The lock of a folder that only one process may write at a time. The system releases it when the process ends, in
/// whatever way it ends.
public final class FolderLock {
  /// The process that last wrote the folder, where it ended without releasing the lock; else nil.
  public let staleOwner: Int?
  private let path: String
  private let descriptor: Int32

  /// Locks the existing folder `folder`. Throws `InputError` when a living process has the lock, and when locking
  /// fails.
  public init(_ folder: String) throws(InputError) {
    path = folder.appendingFile("lock")
    while true {
      let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
      guard descriptor >= 0 else { throw InputError.system(path, expected: "a folder that can be written") }
      let owner = Self.owner(descriptor)
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
        let isTaken = errno == EWOULDBLOCK
        let error = InputError.system(path, expected: "a file system that has locks")
        close(descriptor)
        guard isTaken else { throw error }
        throw InputError(
          folder, found: "process \(owner.map { "\($0)" } ?? "of another user"), which writes to it",
          expected: "a folder that no other process writes")
      }
      // The earlier owner may have removed the file between opening and locking. Another file then has this name.
      guard Self.isFile(descriptor, at: path) else {
        close(descriptor)
        continue
      }
      self.descriptor = descriptor
      staleOwner = owner
      let text = Array("\(getpid())\n".utf8)
      if ftruncate(descriptor, 0) != 0 || pwrite(descriptor, text, text.count, 0) != text.count {
        // The process number is only informative.
      }
      return
    }
  }

  deinit {
    unlink(path)
    close(descriptor)
  }

  /// Whether the folder still contains the file of this lock. It does not where the folder was removed or replaced in
  /// the meantime.
  public var isInPlace: Bool { Self.isFile(descriptor, at: path) }

  private static func owner(_ descriptor: Int32) -> Int? {
    var bytes = [UInt8](repeating: 0, count: 20)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    guard count > 0 else { return nil }
    return Int(String(decoding: bytes[..<count], as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
  }

  private static func isFile(_ descriptor: Int32, at path: String) -> Bool {
    var (own, named) = (stat(), stat())
    return fstat(descriptor, &own) == 0 && stat(path, &named) == 0 && own.st_ino == named.st_ino
      && own.st_dev == named.st_dev
  }
}
