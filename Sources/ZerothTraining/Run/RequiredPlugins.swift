import Zeroth
import ZerothRecords
import ZerothStrategies
import ZerothSupport

extension Registry {
  /// Throws an `InputError` that mentions `--plugin`, unless the libraries that the run recorded at `path` used are
  /// loaded, with the same content.
  public func requirePlugins(ofRun path: String) throws(InputError) { try PluginIdentity.require(plugins, ofRun: path) }
}

extension PluginIdentity {
  /// Throws an `InputError` that mentions `--plugin`, unless the libraries that the run recorded at `path` used are
  /// among `plugins`, with the same content.
  static func require(_ plugins: [PluginIdentity], ofRun path: String) throws(InputError) {
    let record = try RunRecord.json(in: path)
    for used in record["plugins"]?.elements ?? [] {
      guard let name = used["name"]?.string, let hash = used["hash"]?.string, let place = used["path"]?.string else {
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
