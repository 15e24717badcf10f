import Foundation
import ZerothSupport

/// The resources inside the package, with which a fresh machine can run the demo: a small OPT model, and sentences of
/// SST-2.
public enum Embedded {
  /// The name of the embedded model in a run's settings.
  public static let modelName = "imdb-opt"

  /// The folder of the embedded model.
  public static func model() throws(InputError) -> String { try folder(modelName) }

  /// The folder for `path`: `path` itself, or the embedded model where `path` is its name.
  public static func modelDirectory(_ path: String) throws(InputError) -> String {
    path == modelName && !FileManager.default.fileExists(atPath: path) ? try model() : path
  }

  /// The folder of the embedded data of `task`. Throws `InputError` for a task that has none.
  public static func data(of task: String) throws(InputError) -> String {
    guard task == "sst2" else {
      throw InputError("task.data", found: "nothing", expected: "a folder or file with examples of '\(task)'")
    }
    return try folder("sst2")
  }

  /// The resources are beside the executable, in the place that the package manager uses, or in the place that
  /// ZEROTH_RESOURCES gives.
  private static func folder(_ name: String) throws(InputError) -> String {
    var places = [Bundle.main.bundlePath + "/zeroth_ZerothResources.resources"]
    if let executable = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
      places.append((executable as NSString).deletingLastPathComponent + "/zeroth_ZerothResources.resources")
    }
    if let place = ProcessInfo.processInfo.environment["ZEROTH_RESOURCES"] { places.insert(place, at: 0) }
    for place in places where FileManager.default.fileExists(atPath: "\(place)/\(name)") { return "\(place)/\(name)" }
    throw InputError(
      "embedded resource '\(name)'", found: "nothing at \(places.joined(separator: " or "))",
      expected: "the folder zeroth_ZerothResources.resources of the build beside the executable")
  }
}
