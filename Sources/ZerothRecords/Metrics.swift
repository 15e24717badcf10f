import Foundation
import Zeroth
import ZerothSupport

/// Writes `metrics.jsonl`: one row of JSON for each step and each evaluation. Every row is written as a whole.
public final class MetricsWriter {
  private let file: AppendedFile

  /// The rows that a resumed run keeps; empty for a new run.
  public let kept: [MetricsRow]

  /// A new file at `path`, where no file may exist yet.
  public init(new path: String) throws(InputError) {
    file = try AppendedFile(path, keeping: nil)
    kept = []
  }

  /// Continues the file at `path` of a run that has done `steps` steps. Later rows are cut off, and so is a last line
  /// that was not written completely. Evaluations after exactly `steps` steps stay. Throws `InputError` for a row that
  /// is damaged.
  public init(resuming path: String, at steps: Int) throws(InputError) {
    let found = try Metrics.lines(of: path)
    let end = found.firstIndex { !$0.row.isWithin(steps) } ?? found.endIndex
    kept = found[..<end].map(\.row)
    file = try AppendedFile(path, keeping: end == 0 ? 0 : found[end - 1].end)
  }

  /// Appends one row.
  public func append(_ row: MetricsRow) throws(InputError) { try file.write(Data((row.json.description + "\n").utf8)) }

  /// Waits until all rows are on the disk.
  public func synchronize() throws(InputError) { try file.synchronize() }
}

/// Reads `metrics.jsonl`.
public enum Metrics {
  /// The rows at `path`, without a last line that was not written completely. Throws an `InputError` that names the
  /// line of a damaged row.
  public static func read(_ path: String) throws(InputError) -> [MetricsRow] { try lines(of: path).map(\.row) }

  static func lines(of path: String) throws(InputError) -> [(row: MetricsRow, end: Int)] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw InputError(path, found: "no file that can be read", expected: "metrics in JSON, one row a line")
    }
    return try lines(of: data, path: path)
  }

  /// The rows in `data`, which is a copy of lines of the file at `path`.
  public static func rows(of data: Data, path: String) throws(InputError) -> [MetricsRow] {
    try lines(of: data, path: path).map(\.row)
  }

  private static func lines(of data: Data, path: String) throws(InputError) -> [(row: MetricsRow, end: Int)] {
    var lines: [(MetricsRow, Int)] = []
    var start = data.startIndex
    var last = -1
    while let newline = data[start...].firstIndex(of: UInt8(ascii: "\n")) {
      let subject = "\(path):\(lines.count + 1)"
      let json = try JSON(parsing: data.subdata(in: start..<newline), subject: subject)
      let row = try MetricsRow(json, subject: subject)
      if case .step(let step) = row {
        guard step.step > last, step.step < Int.max else {
          throw InputError(
            "\(subject): step", found: "\(step.step)",
            expected: last < 0 ? "the number of a step" : "a later step than \(last), the one before")
        }
        last = step.step
      }
      lines.append((row, newline + 1 - data.startIndex))
      start = newline + 1
    }
    return lines
  }
}
