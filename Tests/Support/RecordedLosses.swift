import Foundation

/// The losses of each step in the trajectory at `path`, as bytes: read as docs/architecture.md has the format, and not by
/// the code that is tested.
public func recordedLosses(_ path: String) throws -> [Data] {
  let data = try Data(contentsOf: URL(fileURLWithPath: path))
  func number(_ at: Int) -> Int { (0..<4).reduce(0) { $0 | Int(data[at + $1]) << (8 * $1) } }
  var steps: [Data] = []
  var at = 20 + number(12)
  while at < data.count {
    steps.append(data.subdata(in: (at + 8)..<(at + 8 + 8 * number(at))))
    at += 8 + 8 * number(at)
  }
  return steps
}
