import Foundation
import ZerothRecords
import ZerothSupport

/// Reads the runs at some paths.
public enum RecordedRuns {
  /// The file in a sweep's folder that lists its runs in order.
  public static let sweepFile = "sweep.json"

  /// The runs at `paths`. A path is the folder of a run, of a sweep, or one with runs in its subfolders.
  ///
  /// The names of the runs are the paths of their folders without the common beginning. Throws `InputError` for a path
  /// without a run.
  public static func read(_ paths: [String]) throws(InputError) -> [RecordedRun] {
    var folders: [Folder] = []
    for path in paths {
      let found = try self.folders(in: path)
      guard !found.isEmpty else {
        throw InputError(path, found: "no run.json in it or below", expected: "the folder of a run, or of several")
      }
      folders += found.filter { folder in !folders.contains { $0.path.isSameFile(as: folder.path) } }
    }
    var runs: [RecordedRun] = []
    for (folder, name) in zip(folders, names(of: folders.map(\.path))) {
      runs.append(try RecordedRun(folder.path, name: name, plan: folder.plan))
    }
    return runs
  }

  /// The folder of a run, and its entry in the file of its sweep.
  private typealias Folder = (path: String, plan: JSON?)

  private static func folders(in path: String, depth: Int = 0) throws(InputError) -> [Folder] {
    let manager = FileManager.default
    let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    if manager.fileExists(atPath: RunFiles(path).record) { return [(path, nil)] }
    let sweep = path.appendingFile(sweepFile)
    if let data = manager.contents(atPath: sweep) {
      let json = try JSON(parsing: data, subject: sweep)
      guard let runs = json["runs"]?.elements else {
        throw InputError("\(sweep): runs", found: json["runs"]?.summary ?? "nothing", expected: "the runs of a sweep")
      }
      return runs.compactMap { run in run["name"]?.string.map { (path.appendingFile($0), run) } }
    }
    guard depth < 4, let entries = try? manager.contentsOfDirectory(atPath: path) else { return [] }
    var found: [Folder] = []
    for entry in entries.sorted() {
      let inner = path.appendingFile(entry)
      guard inner.isFolder else { continue }
      found += try folders(in: inner, depth: depth + 1)
    }
    return found
  }

  /// The paths without the folders with which all of them begin. Where there is only one path, it is the name of its
  /// last folder.
  static func names(of folders: [String]) -> [String] {
    let parts = folders.map { $0.split(separator: "/").map(String.init) }
    var common = 0
    while let first = parts.first, common < first.count - 1,
      parts.allSatisfy({ $0.count > common + 1 && $0[common] == first[common] })
    {
      common += 1
    }
    return zip(folders, parts).map { folder, parts in
      parts.isEmpty ? folder : parts.dropFirst(common).joined(separator: "/")
    }
  }
}
