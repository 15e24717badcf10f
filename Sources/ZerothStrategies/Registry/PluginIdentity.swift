import Zeroth
import ZerothSupport

/// The identity of a shared library that was loaded at run time, as a run records it.
public struct PluginIdentity: Sendable, Hashable {
  /// The name that the library gives itself.
  public let name: String
  /// The path from which it was loaded.
  public let path: String
  /// The hash of the bytes of the file. Another build counts as another plugin.
  public let hash: String

  /// A library called `name`, found at `path`, whose bytes have the hash `hash`.
  public init(name: String, path: String, hash: String) {
    self.name = name
    self.path = path
    self.hash = hash
  }

  /// The identity as JSON, for `run.json`.
  public var json: JSON { ["name": .string(name), "path": .string(path), "hash": .string(hash)] }
}
