import Foundation
import Testing

/// Checkpoints, tokenizers and data that lie beside the checkout in `../shared`; absent on a fresh machine, where the
/// tests that need them are skipped.
public enum SharedMaterial {
  /// The root of this package.
  public static let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// `../shared` beside the package, or the folder that `ZEROTH_SHARED` names.
  public static let root =
    ProcessInfo.processInfo.environment["ZEROTH_SHARED"].map { URL(fileURLWithPath: $0) }
    ?? package.deletingLastPathComponent().appendingPathComponent("shared")

  /// The path of `name` below the shared folder.
  public static func path(_ name: String) -> String { root.appendingPathComponent(name).path }

  /// Whether `name` is there.
  public static func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

  /// The path of a fixture that the package carries, below `Tests/Fixtures`.
  public static func fixture(_ name: String) -> String {
    package.appendingPathComponent("Tests/Fixtures").appendingPathComponent(name).path
  }
}

extension Trait where Self == ConditionTrait {
  /// Skips a test by name where one of `names` is missing below `../shared`.
  public static func needs(_ names: String...) -> Self {
    let missing = names.filter { !SharedMaterial.has($0) }
    return .enabled(if: missing.isEmpty, "\(missing.map { "../shared/" + $0 }.joined(separator: ", ")) is not there")
  }
}
