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

  init(path: String, isPrivateCopy: Bool = false) throws {
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
    let size = Int(status.st_size)
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

  deinit {
    if let address = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: address), bytes.count) }
  }
}
