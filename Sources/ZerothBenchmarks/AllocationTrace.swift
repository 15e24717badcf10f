import Foundation
import Zeroth
import ZerothModels
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTestKit
import ZerothTraining

/// Counts calls of malloc and its like by the C library's own tracer, mtrace(3) of glibc. It works only in a process
/// that was started with `environment`.
public enum AllocationTrace {
  /// What was asked for while a body ran.
  public struct Count: Sendable {
    /// Calls that returned fresh memory.
    public var all = 0
    /// Those of 64 KiB and more: the size of activations and parameters.
    public var large = 0
    /// Bytes of all of them.
    public var bytes = 0
  }

  private static let variable = "MALLOC_TRACE"
  /// From this size on an allocation counts as large.
  static let largeBytes = 1 << 16

  /// What a process must be started with so that it can count; `file` is written.
  public static func environment(file: String) -> [String: String] {
    [variable: file, "LD_PRELOAD": "libc_malloc_debug.so.0"]
  }

  /// Counts the allocations of `body`; nil, without running it, where the C library has no tracer or was not told to.
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

  /// A function of libc_malloc_debug. The library itself has stubs of the same names; the tracer's carry the version of
  /// the platform's first glibc alone.
  private static func tracer(_ name: String) -> UnsafeMutableRawPointer? {
    typealias Lookup =
      @convention(c) (
        UnsafeMutableRawPointer, UnsafePointer<CChar>, UnsafePointer<CChar>
      ) -> UnsafeMutableRawPointer?
    guard let all = dlopen(nil, RTLD_NOW), let lookup = dlsym(all, "dlvsym") else { return nil }
    let find = unsafeBitCast(lookup, to: Lookup.self)
    return find(all, name, "GLIBC_2.2.5") ?? find(all, name, "GLIBC_2.17")
  }

  /// Reads lines such as `@ ./zeroth:[0x1234] + 0x55d0 0x40`: `+` is an allocation, `>` what realloc gave, both in
  /// hexadecimal bytes.
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
