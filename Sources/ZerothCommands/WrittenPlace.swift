import Foundation
import ZerothSupport

/// The place that `--out` names for a model.
enum WrittenPlace {
  /// Throws `InputError` where `path` is a file, or a folder that has a model or an adapter. A model has several files, of which a new
  /// one would replace some: until the last is written the folder would hold parts of both.
  static func check(_ path: String) throws(InputError) {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { return }
    guard isFolder.boolValue else {
      throw InputError("--out", found: "'\(path.excerpt)', a file", expected: "a new name")
    }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    guard let name = names.sorted().first(where: isOfModel) else { return }
    throw InputError(
      "--out", found: "'\(path.excerpt)' with a model in it (\(name.excerpt))",
      expected: "a new folder, or one without a model")
  }

  private static func isOfModel(_ name: String) -> Bool {
    ["config.json", "adapter_config.json"].contains(name) || name.hasSuffix(".safetensors")
  }
}
