import Foundation

/// The lock of a folder that one process writes at a time. The system lets go of it when the process ends, however it ends.
public final class FolderLock {
  /// The process that wrote the folder last and has ended without letting go of the lock; nil where none did.
  public let staleOwner: Int?
  private let path: String
  private let descriptor: Int32

  /// Locks `folder`, which is there. Throws `InputError` when a living process has the lock, or it cannot be had.
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
      // Whoever had it may have removed the file between opening and locking: then another one has the name.
      guard Self.isFile(descriptor, at: path) else {
        close(descriptor)
        continue
      }
      self.descriptor = descriptor
      staleOwner = owner
      let text = Array("\(getpid())\n".utf8)
      if ftruncate(descriptor, 0) != 0 || pwrite(descriptor, text, text.count, 0) != text.count {
        // The number is for people alone.
      }
      return
    }
  }

  deinit {
    unlink(path)
    close(descriptor)
  }

  /// Whether the folder still has this lock's file: it has not where the folder was removed or replaced meanwhile.
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
