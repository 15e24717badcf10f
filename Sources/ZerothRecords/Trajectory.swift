import Foundation
import Zeroth
import ZerothSupport

/// A trajectory file: a header, then for each step exactly the losses that its optimiser measured, as Float64, little
/// endian. That is all a replay needs: run on these losses, the optimiser makes the same updates again, bit for bit.
///
/// Cost: 16 bytes for each two-sided query and step. Where a step was skipped, NaN stands for the adapter's losses.
public struct Trajectory: Sendable {
  /// The file.
  public let path: String
  /// Which run it belongs to.
  public let header: TrajectoryHeader
  private let records: Data
  private let headerSize: Int

  /// Reads the file at `path`. Throws `InputError` when it is no trajectory.
  public init(file path: String) throws(InputError) {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw InputError(path, found: "no file that can be read", expected: "a trajectory")
    }
    try self.init(data, path: path)
  }

  init(_ data: Data, path: String) throws(InputError) {
    (header, headerSize) = try TrajectoryHeader.decode(data, path: path)
    self.path = path
    records = data.subdata(in: (data.startIndex + headerSize)..<data.endIndex)
  }

  /// The whole steps in the file, by the counts that `optimizer` declares.
  ///
  /// Throws `InputError` unless they belong to the run that `run` describes.
  public func steps(
    of run: TrajectoryHeader, by optimizer: any OptimizerProtocol, in layout: ParameterLayout
  ) throws(InputError) -> RecordedSteps {
    try header.requireSameRun(as: run, path: path)
    var ends: [Int] = []
    var end = 0
    while true {
      let count = optimizer.forwards(at: ends.count, in: layout)
      guard count > 0 else {
        throw InputError("\(path): step \(ends.count)", found: "a step of no forward passes", expected: "at least one")
      }
      let (size, isTooLarge) = count.multipliedReportingOverflow(by: 8)
      guard !isTooLarge, size <= records.count - end else { break }
      end += size
      ends.append(end)
    }
    return RecordedSteps(path: path, records: records.prefix(end), ends: ends, tail: records.count - end, headerSize)
  }
}

/// The whole steps of a trajectory.
public struct RecordedSteps: Sendable {
  /// The file they are from.
  public let path: String
  /// Bytes of a last step that was not written whole; they are left out.
  public let droppedBytes: Int
  private let records: Data
  private let ends: [Int]
  private let headerSize: Int

  init(path: String, records: Data, ends: [Int], tail: Int, _ headerSize: Int) {
    self.path = path
    self.records = records
    self.ends = ends
    self.headerSize = headerSize
    droppedBytes = tail
  }

  /// No steps: the run whose trajectory will be at `path` is new.
  init(noneAt path: String) { self.init(path: path, records: Data(), ends: [], tail: 0, 0) }

  /// How many there are.
  public var count: Int { ends.count }
  /// Whether there is no trajectory yet.
  var isNew: Bool { headerSize == 0 }
  /// Bytes of the file up to the end of the last whole step.
  var wholeSize: Int { headerSize + (ends.last ?? 0) }

  /// The losses of `step`, which is below `count`.
  public subscript(step: Int) -> [Double] {
    let start = step == 0 ? 0 : ends[step - 1]
    return records.withUnsafeBytes { bytes in
      stride(from: start, to: ends[step], by: 8).map {
        Double(bitPattern: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt64.self)))
      }
    }
  }
}

/// Writes a trajectory, step by step.
public final class TrajectoryWriter {
  private let file: AppendedFile
  private let flushEvery: Int
  private var buffer = Data()
  private var waiting = 0

  /// A new trajectory at `path`, where no file may be yet. Steps are written out `flushEvery` at a time.
  public init(new path: String, header: TrajectoryHeader, flushEvery: Int = 1) throws(InputError) {
    file = try AppendedFile(path, keeping: nil)
    self.flushEvery = flushEvery
    try file.write(header.encoded)
    try file.synchronize()
  }

  /// Goes on after `steps`; a step that was not written whole is cut off.
  public init(after steps: RecordedSteps, flushEvery: Int = 1) throws(InputError) {
    file = try AppendedFile(steps.path, keeping: steps.wholeSize)
    self.flushEvery = flushEvery
  }

  /// Appends the losses of one step.
  public func append(_ losses: [Double]) throws(InputError) {
    for loss in losses { withUnsafeBytes(of: loss.bitPattern.littleEndian) { buffer.append(contentsOf: $0) } }
    waiting += 1
    if waiting >= flushEvery { try flush() }
  }

  /// Hands what was appended to the system.
  public func flush() throws(InputError) {
    try file.write(buffer)
    buffer.removeAll(keepingCapacity: true)
    waiting = 0
  }

  /// Flushes, and waits until all is on the disk: beside every checkpoint and at the end.
  public func synchronize() throws(InputError) {
    try flush()
    try file.synchronize()
  }
}
