import Foundation

/// The most memory that this process has held at a time, from Linux's /proc.
public enum PeakMemory {
  /// Bytes at the peak since the start or the last reset; nil where the system does not say.
  public static var bytes: Int? {
    guard let data = FileManager.default.contents(atPath: "/proc/self/status") else { return nil }
    return parse(String(decoding: data, as: UTF8.self))
  }

  /// Starts the peak over at what is held now. False where the system does not allow it.
  @discardableResult
  public static func reset() -> Bool {
    guard let file = fopen("/proc/self/clear_refs", "w") else { return false }
    let isWritten = fputs("5", file) >= 0
    return fclose(file) == 0 && isWritten
  }

  /// The field VmHWM, which is in KiB.
  static func parse(_ status: String) -> Int? {
    guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }) else { return nil }
    return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
  }
}
