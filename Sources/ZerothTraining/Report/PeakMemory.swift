import Foundation
import Zeroth
import ZerothModels
import ZerothRecords
import ZerothSupport
import ZerothTasks

/// The largest amount of memory that this process has used, from Linux's /proc.
public enum PeakMemory {
  /// The peak since the start or the last reset, in bytes; nil where the system does not report it.
  public static var bytes: Int? { status.flatMap { parse($0) } }

  /// The memory in use now that is not backed by a file, in bytes. Code is not counted. Nil where the system does not
  /// report it.
  public static var anonymousBytes: Int? { status.flatMap { parse($0, field: "RssAnon") } }

  /// The memory in use now, in bytes; nil where the system does not report it.
  public static var currentBytes: Int? { status.flatMap { parse($0, field: "VmRSS") } }

  private static var status: String? {
    FileManager.default.contents(atPath: "/proc/self/status").map { String(decoding: $0, as: UTF8.self) }
  }

  /// Resets the peak to the memory in use now. False where the system does not allow it.
  @discardableResult
  public static func reset() -> Bool {
    guard let file = fopen("/proc/self/clear_refs", "w") else { return false }
    let isWritten = fputs("5", file) >= 0
    return fclose(file) == 0 && isWritten
  }

  /// A field such as VmHWM, which the system gives in KiB, in bytes.
  static func parse(_ status: String, field: String = "VmHWM") -> Int? {
    guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(field + ":") }) else { return nil }
    return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
  }
}
