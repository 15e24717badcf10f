import Foundation
import Zeroth
import ZerothSupport

/// The versions of this program and of what it runs on.
public enum Versions {
  /// The version of Zeroth.
  public static let zeroth = "0.1.0"

  /// The version of the compiler, as far as a program can know it.
  public static var swift: String {
    #if compiler(>=6.4)
      "6.4 or later"
    #elseif compiler(>=6.3.1)
      "6.3.1 or later"
    #elseif compiler(>=6.3)
      "6.3"
    #else
      "before 6.3"
    #endif
  }

  /// The processor's name, from /proc/cpuinfo.
  public static var processor: String {
    let text = FileManager.default.contents(atPath: "/proc/cpuinfo").map { String(decoding: $0, as: UTF8.self) } ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
    return line?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
  }

  /// All versions as JSON, for a run whose random numbers come from `generator`.
  static func json(generator: String) -> JSON {
    [
      "zeroth": .string(zeroth), "swift": .string(swift), "openblas": .string(Backend.blasConfiguration),
      "openblas_library": .string(Backend.blasLibrary), "generator": .string(generator),
      "processor": .string(processor), "instruction_set": .string(Backend.instructionSet),
      "system": .string(ProcessInfo.processInfo.operatingSystemVersionString),
    ]
  }
}
