import Foundation
import ZerothRecords
import ZerothSupport

/// The runs that paths name.
public enum RecordedRuns {
  /// The file in a sweep's folder that names its runs in their order.
  public static let sweepFile = "sweep.json"

  /// The runs at `paths`: each is the folder of a run, that of a sweep, or one that has runs below it.
  ///
  /// Names are the folders' paths below what they have in common. Throws `InputError` for a path without a run.
  public static func read(_ paths: [String]) throws(InputError) -> [RecordedRun] {
    var folders: [Folder] = []
    for path in paths {
      let found = try self.folders(in: path)
      guard !found.isEmpty else {
        throw InputError(path, found: "no run.json in it or below", expected: "the folder of a run, or of several")
      }
      folders += found.filter { folder in !folders.contains { $0.path == folder.path } }
    }
    var runs: [RecordedRun] = []
    for (folder, name) in zip(folders, names(of: folders.map(\.path))) {
      runs.append(try RecordedRun(folder.path, name: name, plan: folder.plan))
    }
    return runs
  }

  /// The folder of a run, with what the file of its sweep says of it.
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

  /// The paths without the folders that all of them begin with; the last folder's name where there is one path.
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
