import Zeroth
import ZerothSupport

/// A shared library that was loaded at run time, as a run records it.
public struct PluginIdentity: Sendable, Hashable {
  /// The name it gives itself.
  public let name: String
  /// Where it was.
  public let path: String
  /// The hash of the file's bytes: another build is another plugin.
  public let hash: String

  /// A library called `name`, found at `path`, with the bytes that `hash` names.
  public init(name: String, path: String, hash: String) {
    self.name = name
    self.path = path
    self.hash = hash
  }

  /// For `run.json`.
  public var json: JSON { ["name": .string(name), "path": .string(path), "hash": .string(hash)] }
}
