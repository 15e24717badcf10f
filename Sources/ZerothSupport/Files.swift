import Foundation

extension InputError {
  /// The error of the system call that has just failed on `subject`.
  public static func system(_ subject: String, expected: String) -> InputError {
    InputError(subject, found: "the error '\(String(cString: strerror(errno)))'", expected: expected)
  }
}

/// Writes all of `bytes` to `descriptor`. False where that fails; errno then has the reason.
func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Bool {
  var rest = bytes[...]
  while !rest.isEmpty {
    let count = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
    if count < 0, errno == EINTR { continue }
    guard count > 0 else { return false }
    rest = rest.dropFirst(count)
  }
  return true
}

/// Waits until the names in the folder of `path` are on disk, so that a new file survives a power failure. Not every
/// file system supports this.
func synchronizeFolder(of path: String) {
  let folder = open(path.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  guard folder >= 0 else { return }
  fsync(folder)
  close(folder)
}

extension String {
  /// The folder of the file that this path names.
  var folder: String {
    guard let slash = lastIndex(of: "/") else { return "." }
    return slash == startIndex ? "/" : String(self[..<slash])
  }

  /// Whether a folder has this path.
  public var isFolder: Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: self, isDirectory: &isFolder) && isFolder.boolValue
  }

  /// The text as one word of a shell: in quotes where it has a character that a shell would read as more.
  public var quotedForShell: String {
    let isPlain =
      !isEmpty
      && unicodeScalars.allSatisfy { scalar in
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar)
          || "._/+=,@%:-".unicodeScalars.contains(scalar)
      }
    return isPlain
      ? self : "'" + split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
  }

  /// Whether both paths name one file or folder, by whatever spelling or link. Paths that name nothing are the same
  /// where they are spelled the same.
  public func isSameFile(as other: String) -> Bool {
    var (first, second) = (stat(), stat())
    guard stat(self, &first) == 0, stat(other, &second) == 0 else { return self == other }
    return first.st_dev == second.st_dev && first.st_ino == second.st_ino
  }

  /// The path of `name` in the directory that this path names.
  public func appendingFile(_ name: String) -> String { hasSuffix("/") ? self + name : self + "/" + name }
}
