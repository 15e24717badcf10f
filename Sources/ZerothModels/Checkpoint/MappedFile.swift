import Foundation
import Zeroth
import ZerothSupport

/// A regular file mapped into memory until the last reference to it goes: read-only, or as a private copy of which pages
/// take memory when they are written; the file itself never changes.
///
/// The pages come from the page cache when they are touched. As with every mapping, a file that another process
/// cuts short while it is open ends this process (SIGBUS); files that are replaced by a rename are safe.
final class MappedFile: @unchecked Sendable {  // never written, or by the one owner of a private copy
  let path: String
  let bytes: UnsafeRawBufferPointer
  /// The file as it was when it was opened.
  private let version: Version

  /// What changes when a file is written in its place; another file of the same path has another node.
  private struct Version: Equatable {
    let device: UInt64, node: UInt64
    let size: Int, seconds: Int, nanoseconds: Int

    init(_ status: stat) {
      (device, node) = (UInt64(status.st_dev), UInt64(status.st_ino))
      (size, seconds, nanoseconds) = (Int(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
    }
  }

  init(path: String, isPrivateCopy: Bool = false) throws(InputError) {
    self.path = path
    // Without O_NONBLOCK, opening a named pipe would wait for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw InputError.system(path, expected: "a file that can be read") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw InputError.system(path, expected: "a file that can be read") }
    guard status.st_mode & S_IFMT == S_IFREG else {
      let found = status.st_mode & S_IFMT == S_IFDIR ? "a directory" : "neither a file nor a directory"
      throw InputError(path, found: found, expected: "a file")
    }
    version = Version(status)
    let size = version.size
    if size == 0 {  // mmap refuses length 0
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    let address = mmap(nil, size, isPrivateCopy ? PROT_READ | PROT_WRITE : PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let address, address != MAP_FAILED else {
      throw InputError.system(path, expected: "a file that can be mapped")
    }
    bytes = UnsafeRawBufferPointer(start: address, count: size)
  }

  /// Throws `InputError` when the file was written in its place since it was opened: what is read here may have changed. A
  /// file that was removed, or replaced by another one, is still the one that was opened.
  func requireUnchanged() throws(InputError) {
    var status = stat()
    guard stat(path, &status) == 0 else { return }
    let now = Version(status)
    guard (now.device, now.node) == (version.device, version.node), now != version else { return }
    throw InputError(
      path, found: "a file that was written while it was in use", expected: "the one that was opened, unchanged")
  }

  deinit {
    if let address = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: address), bytes.count) }
  }
}
