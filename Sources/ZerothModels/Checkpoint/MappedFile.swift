import Foundation
import Zeroth
import ZerothSupport

/// A regular file that is mapped into memory until the last reference to it goes. The mapping is read-only, or a
/// private copy whose pages take memory when they are written. The file itself never changes.
///
/// Pages are read from the page cache when they are touched. As with every mapping, this process ends (SIGBUS) if
/// another process truncates the file while it is mapped. Replacing a file by a rename is safe.
final class MappedFile: @unchecked Sendable {  // not written, or written only by the one owner of a private copy
  let path: String
  let bytes: UnsafeRawBufferPointer
  private let isPrivateCopy: Bool
  /// The state of the file when it was opened.
  private let version: Version

  /// Values that change when a file is written in place. Another file at the same path has another node.
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
    self.isPrivateCopy = isPrivateCopy
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

  /// Throws `InputError` when the file was written in place since it was opened, because its mapped content may have
  /// changed. A file that was removed or replaced meanwhile is safe: the mapping is that of the file that was opened.
  func requireUnchanged() throws(InputError) {
    var status = stat()
    guard stat(path, &status) == 0 else { return }
    let now = Version(status)
    guard (now.device, now.node) == (version.device, version.node), now != version else { return }
    throw InputError(
      path, found: "a file that was written while it was in use", expected: "the one that was opened, unchanged")
  }

  /// Lets go of the pages that lie wholly in `range` of a read-only mapping. They no longer count as memory of this
  /// process, and are read from the page cache again when they are touched. Without it, loading weights as fp32 would
  /// hold their file beside them.
  func release(_ range: Range<Int>) {
    precondition(!isPrivateCopy, "pages of a private copy hold what was written to them")
    let page = Int(getpagesize())
    let (first, end) = ((range.lowerBound + page - 1) / page * page, range.upperBound / page * page)
    guard first < end, let start = bytes.baseAddress else { return }
    // The call is advice. Where it fails, the pages stay.
    _ = madvise(UnsafeMutableRawPointer(mutating: start + first), end - first, Int32(MADV_DONTNEED))
  }

  deinit {
    if let address = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: address), bytes.count) }
  }
}
