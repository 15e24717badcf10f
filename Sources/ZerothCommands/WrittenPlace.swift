import Foundation
import ZerothModels
import ZerothSupport

/// The place that `--out` names, where a model is to be written.
enum WrittenPlace {
  /// Throws an `InputError` where `path` is a file, or a folder that holds a model or an adapter. A model consists of
  /// several files. Written over another model, it would leave a mixture of both until its last file is there.
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

  /// Calls `body`, which writes to the folder `path`. Where it throws, the files that it left there are removed, so that
  /// the command can be given again.
  static func removingRemains<T>(in path: String, _ body: () throws -> T) throws -> T {
    let manager = FileManager.default
    let isNew = !manager.fileExists(atPath: path)
    let before = try? manager.contentsOfDirectory(atPath: path)
    do { return try body() } catch {
      if isNew {
        try? manager.removeItem(atPath: path)
      } else if let before {
        for name in ((try? manager.contentsOfDirectory(atPath: path)) ?? []) where !before.contains(name) {
          try? manager.removeItem(atPath: path.appendingFile(name))
        }
      }
      throw error
    }
  }

  private static func isOfModel(_ name: String) -> Bool {
    [ConfigurationFile.name, "adapter_config.json"].contains(name) || name.hasSuffix(".safetensors")
  }
}
