import Foundation

/// Formats numbers for people.
public enum Human {
  /// Formats a number of bytes with three digits and powers of 1000: `512 B`, `17.2 MB`, `1.30 GB`.
  public static func bytes(_ count: Int) -> String { scaled(Double(count), ["B", "kB", "MB", "GB", "TB"]) }

  /// Formats a count with three digits and powers of 1000: `950`, `4.30 M`.
  public static func count(_ count: Int) -> String {
    scaled(Double(count), ["", "k", "M", "G", "T"]).trimmingCharacters(in: .whitespaces)
  }

  /// Formats seconds: `0.42 s`, `12.3 s`, `3:05`, `2:03:05`.
  public static func seconds(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "-" }
    if seconds < 9.995 { return fixed(seconds, 2) + " s" }
    if seconds < 59.95 { return fixed(seconds, 1) + " s" }
    let whole = Int(seconds.rounded())
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return hours > 0 ? "\(hours):\(two(minutes)):\(two(rest))" : "\(minutes):\(two(rest))"
  }

  /// Formats a share in percent: `71.3%`.
  public static func percent(_ fraction: Double) -> String { fraction.isFinite ? fixed(100 * fraction, 1) + "%" : "-" }

  /// Formats `number` with `digits` digits after the point.
  public static func fixed(_ number: Double, _ digits: Int) -> String {
    number.isFinite ? String(format: "%.\(digits)f", number) : "-"
  }

  private static func scaled(_ number: Double, _ units: [String]) -> String {
    var number = number
    var unit = 0
    while abs(number) >= 999.5, unit < units.count - 1 {
      number /= 1000
      unit += 1
    }
    let digits = unit == 0 ? 0 : abs(number) < 9.995 ? 2 : abs(number) < 99.95 ? 1 : 0
    return "\(fixed(number, digits)) \(units[unit])"
  }
}
