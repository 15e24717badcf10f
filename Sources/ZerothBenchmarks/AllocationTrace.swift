import Foundation
import Zeroth
import ZerothModels
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTestKit
import ZerothTraining

/// Counts calls of malloc, realloc and the like. The counts come from the C library's own tracer, mtrace(3) of glibc.
/// It works only in a process that was started with `environment`.
public enum AllocationTrace {
  /// The allocations while a body ran.
  public struct Count: Sendable {
    /// The number of calls that returned fresh memory.
    public var all = 0
    /// The number of allocations of 64 KiB and more: the size of activations and parameters.
    public var large = 0
    /// The bytes of all allocations together.
    public var bytes = 0
  }

  private static let variable = "MALLOC_TRACE"
  /// The size in bytes from which an allocation counts as large.
  static let largeBytes = 1 << 16

  /// The environment variables with which a process must be started so that it can count. The tracer writes to `file`.
  public static func environment(file: String) -> [String: String] {
    [variable: file, "LD_PRELOAD": "libc_malloc_debug.so.0"]
  }

  /// Runs `body` and counts its allocations. Returns nil, without running `body`, if the C library has no tracer or the
  /// environment is not set.
  public static func count(_ body: () throws -> Void) rethrows -> Count? {
    typealias Switch = @convention(c) () -> Void
    guard let path = ProcessInfo.processInfo.environment[variable], let start = tracer("mtrace"),
      let stop = tracer("muntrace")
    else { return nil }
    unsafeBitCast(start, to: Switch.self)()
    do {
      defer { unsafeBitCast(stop, to: Switch.self)() }
      try body()
    }
    guard let trace = FileManager.default.contents(atPath: path), !trace.isEmpty else { return nil }
    return parse(String(decoding: trace, as: UTF8.self))
  }

  /// The tracer's function called `name`. The C library has empty functions of the same names. Those of the tracer are
  /// found because they carry only the version of the platform's first glibc.
  private static func tracer(_ name: String) -> UnsafeMutableRawPointer? {
    typealias Lookup =
      @convention(c) (
        UnsafeMutableRawPointer, UnsafePointer<CChar>, UnsafePointer<CChar>
      ) -> UnsafeMutableRawPointer?
    guard let all = dlopen(nil, RTLD_NOW), let lookup = dlsym(all, "dlvsym") else { return nil }
    let find = unsafeBitCast(lookup, to: Lookup.self)
    return find(all, name, "GLIBC_2.2.5") ?? find(all, name, "GLIBC_2.17")
  }

  /// Reads lines such as `@ ./zeroth:[0x1234] + 0x55d0 0x40`: an address and a size in bytes, both hexadecimal. `+`
  /// marks an allocation, `>` the result of a realloc.
  static func parse(_ trace: String) -> Count {
    var count = Count()
    for line in trace.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count >= 3, ["+", ">"].contains(words[words.count - 3]), let size = words.last,
        let bytes = Int(size.dropFirst(2), radix: 16)
      else { continue }
      count.all += 1
      count.bytes += bytes
      if bytes >= largeBytes { count.large += 1 }
    }
    return count
  }
}
