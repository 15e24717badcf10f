import Foundation

/// A file that appears at its path complete or not at all.
///
/// Bytes are written to a temporary file in the same folder. `commit` flushes it to the disk and renames it. Until then
/// the file at the path does not change. A value that is dropped without `commit` removes the temporary file. A
/// symbolic link is followed, and the file to which it leads is replaced. A device or a pipe, such as `/dev/stdout`,
/// cannot be replaced, so it is written directly.
public struct AtomicFile: ~Copyable {
  private let path: String
  /// The path of the temporary file; nil where the path is a device or a pipe.
  private let temporaryPath: String?
  private let descriptor: Int32
  private var isCommitted: Bool

  /// Creates the temporary file `.NAME.<random>.tmp` beside `path`.
  public init(path: String) throws(InputError) {
    let isReplaceable = Self.isReplaceable(path)
    let target = isReplaceable ? try Self.target(of: path) : path
    let temporary = isReplaceable ? Self.temporaryPath(beside: target) : nil
    let opened =
      temporary.map { open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666) } ?? open(target, O_WRONLY | O_CLOEXEC)
    guard opened >= 0 else { throw InputError.system(path, expected: "a path that can be written") }
    self.path = target
    temporaryPath = temporary
    descriptor = opened
    isCommitted = false
  }

  private static func temporaryPath(beside path: String) -> String {
    let name = path.split(separator: "/").last ?? ""
    return path.folder.appendingFile(".\(name).\(String(UInt64.random(in: 0 ... .max), radix: 36)).tmp")
  }

  deinit {
    close(descriptor)
    if !isCommitted, let temporaryPath { unlink(temporaryPath) }
  }

  /// The path to which the links at `path` lead, whether a file exists there or not.
  private static func target(of path: String) throws(InputError) -> String {
    var path = path
    for _ in 0..<40 {
      var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
      let count = readlink(path, &bytes, bytes.count)
      guard count >= 0 else { return path }
      let next = String(decoding: bytes.prefix(count), as: UTF8.self)
      path = next.hasPrefix("/") ? next : path.folder.appendingFile(next)
    }
    throw InputError(path, found: "links that lead to each other", expected: "a path that can be written")
  }

  /// Whether what is at `path` can be replaced by a file: nothing is there, or a file that is not already open
  /// (`/dev/stdout`). A folder in memory, `/dev/shm`, is treated as any other folder.
  private static func isReplaceable(_ path: String) -> Bool {
    let isOpen = ["/dev/stdin", "/dev/stdout", "/dev/stderr"].contains(path) || path.hasPrefix("/dev/fd/")
    if isOpen || path.hasPrefix("/proc/") { return false }
    var status = stat()
    return stat(path, &status) != 0 || ![S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK].contains(status.st_mode & S_IFMT)
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

  /// Moves the file to its path, replacing an existing file.
  public consuming func commit() throws(InputError) {
    guard let temporaryPath else { return isCommitted = true }
    guard fsync(descriptor) == 0, rename(temporaryPath, path) == 0 else {
      throw InputError.system(path, expected: "a path that can be written")
    }
    isCommitted = true
    synchronizeFolder(of: path)
  }

  /// Removes temporary files in `folders` that were left by killed processes.
  public static func removeRemains(in folders: [String]) {
    for folder in folders {
      for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      where name.wholeMatch(of: /\..+\.[0-9a-z]+\.tmp/) != nil {
        unlink(folder.appendingFile(name))
      }
    }
  }

  /// Writes `text` to `path`. A reader sees either the old file or the complete new one.
  public static func write(_ text: String, to path: String) throws(InputError) {
    let file = try AtomicFile(path: path)
    try file.write(text)
    try file.commit()
  }
}
