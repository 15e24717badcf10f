import Foundation

/// A folder that goes when the test does.
public final class Scratch {
  /// The folder's path.
  public let path = NSTemporaryDirectory() + "zeroth-test-\(UUID().uuidString)"

  /// Makes the folder.
  public init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes `lines` to the file `name`, each ended by a newline, and returns the file's path.
  public func write(_ lines: [String], to name: String) throws -> String {
    try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    return "\(path)/\(name)"
  }
}
