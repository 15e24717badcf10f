import Zeroth

/// A shared library that was loaded at run time, as a run records it.
public struct PluginIdentity: Sendable, Hashable {
  /// The name it gives itself.
  public let name: String
  /// Where it was.
  public let path: String
  /// The hash of the file's bytes: another build is another plugin.
  public let hash: String

  /// For `run.json`.
  var json: JSONValue { ["name": .string(name), "path": .string(path), "hash": .string(hash)] }
}

extension Registry {
  /// Throws `InputError`, which says to give `--plugin`, unless the libraries that the run recorded at `path` used are loaded,
  /// with the same content.
  public func requirePlugins(ofRun path: String) throws(InputError) {
    let record = try RunRecord.json(in: path)
    for used in record["plugins"]?.elements ?? [] {
      guard let name = used["name"]?.text, let hash = used["hash"]?.text, let place = used["path"]?.text else {
        throw InputError("\(path): plugins", found: "\(used)", expected: "name, hash and path of each plugin")
      }
      guard let loaded = plugins.first(where: { $0.name == name }) else {
        throw InputError(
          "\(path): plugin '\(name)'", found: "no such plugin loaded",
          expected: "--plugin with the library of the run, which was \(place)")
      }
      guard loaded.hash == hash else {
        throw InputError(
          "\(path): plugin '\(name)'", found: "\(loaded.path) with content \(loaded.hash)",
          expected: "--plugin with the library of the run, which was \(place) with content \(hash)")
      }
    }
  }
}
