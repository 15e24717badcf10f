import Foundation
import Zeroth
import ZerothModels
import ZerothRecords
import ZerothSupport
import ZerothTasks

/// The most memory that this process has held at a time, from Linux's /proc.
public enum PeakMemory {
  /// Bytes at the peak since the start or the last reset; nil where the system does not say.
  public static var bytes: Int? { status.flatMap { parse($0) } }

  /// Bytes held now that no file backs, which leaves out code; nil where the system does not say.
  public static var anonymousBytes: Int? { status.flatMap { parse($0, field: "RssAnon") } }

  /// Bytes held now; nil where the system does not say.
  public static var currentBytes: Int? { status.flatMap { parse($0, field: "VmRSS") } }

  private static var status: String? {
    FileManager.default.contents(atPath: "/proc/self/status").map { String(decoding: $0, as: UTF8.self) }
  }

  /// Starts the peak over at what is held now. False where the system does not allow it.
  @discardableResult
  public static func reset() -> Bool {
    guard let file = fopen("/proc/self/clear_refs", "w") else { return false }
    let isWritten = fputs("5", file) >= 0
    return fclose(file) == 0 && isWritten
  }

  /// A field such as VmHWM, which is in KiB.
  static func parse(_ status: String, field: String = "VmHWM") -> Int? {
    guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(field + ":") }) else { return nil }
    return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
  }
}
