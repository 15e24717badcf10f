import Foundation
import Zeroth
import ZerothSupport

/// A trajectory file: a header, and for each step exactly the losses that the optimiser measured. A replay needs
/// nothing else: given these losses, the optimiser makes the same updates again, bit for bit.
///
/// A step on disk is the number of its losses and a checksum as UInt32, followed by the losses as Float64, all little
/// endian. The checksum is a CRC-32 that continues that of the header, over the number of the step as UInt64, the
/// losses, and their number. So a step is accepted only at its own position in its own file. Format 1, which can still
/// be read, has only the losses.
///
/// Cost: 24 bytes for a step with one two-sided query. Where a step was skipped, NaN stands for the losses of the
/// adapter.
public struct Trajectory: Sendable {
  /// The path of the file.
  public let path: String
  /// The header, which identifies the run.
  public var header: TrajectoryHeader { stored.header }
  private let stored: TrajectoryHeader.Stored
  private let records: Data

  /// Reads the file at `path`. Throws `InputError` when it is not a trajectory.
  public init(file path: String) throws(InputError) {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw InputError(path, found: "no file that can be read", expected: "a trajectory")
    }
    try self.init(data, path: path)
  }

  init(_ data: Data, path: String) throws(InputError) {
    stored = try TrajectoryHeader.decode(data, path: path)
    self.path = path
    records = Data(data.dropFirst(stored.size))
  }

  /// The complete steps in the file. The number of losses of each step follows from the counts that `optimizer`
  /// declares. A last step that was not written completely is left out.
  ///
  /// Throws `InputError` unless the steps belong to the run that `run` describes, are undamaged, and are no more than
  /// it plans.
  public func steps(
    of run: TrajectoryHeader, by optimizer: any OptimizerProtocol, in layout: ParameterLayout
  ) throws(InputError) -> RecordedSteps {
    try header.requireSameRun(as: run, path: path)
    var losses: [Range<Int>] = []
    while true {
      let step = losses.count
      let forwards = optimizer.forwards(at: step, in: layout)
      let declared = Declared(forwards: forwards, ofAdapter: optimizer.adapterForwards(at: step))
      guard forwards > 0 else {
        throw InputError("\(path): step \(step)", found: "a step of no forward passes", expected: "at least one")
      }
      let end = losses.last?.upperBound ?? 0
      guard let next = stored.format == 1 ? plain(forwards, from: end) : try checked(step, declared, from: end) else {
        break
      }
      losses.append(next)
    }
    guard losses.count <= run.steps else {
      throw InputError(
        path, found: "\(losses.count) recorded steps", expected: "at most \(run.steps), as many as are planned")
    }
    return RecordedSteps(path: path, records: records, losses: losses, stored)
  }

  /// The range of the losses of the next step in format 1; nil where the step was not written completely.
  private func plain(_ forwards: Int, from start: Int) -> Range<Int>? {
    let (size, isTooLarge) = forwards.multipliedReportingOverflow(by: 8)
    return isTooLarge || size > records.count - start ? nil : start..<(start + size)
  }

  /// The forward passes of a step as its strategies declare them: all of them, and those of the adapter. The losses of
  /// the adapter are always those of mini-batches.
  private struct Declared {
    let forwards, ofAdapter: Int

    /// Whether a step may have `count` losses.
    func allows(_ count: Int, _ grain: LossGrain) -> Bool {
      switch grain {
      case .batch: count == forwards
      case .example: count >= forwards && (count - ofAdapter).isMultiple(of: forwards - ofAdapter)
      }
    }

    /// The numbers of losses that are allowed, in words.
    func expected(_ grain: LossGrain) -> String {
      switch grain {
      case .batch: "\(forwards), as the strategies of this run declare"
      case .example:
        "a multiple of \(forwards - ofAdapter)\(ofAdapter > 0 ? ", and \(ofAdapter)" : ""), as the strategies of this "
          + "run declare"
      }
    }
  }

  /// The range of the losses of step `step`; nil where the step was not written completely.
  private func checked(_ step: Int, _ declared: Declared, from start: Int) throws(InputError) -> Range<Int>? {
    let rest = records.count - start
    guard rest >= 4 else { return nil }
    let count = Int(records.littleEndian(at: start, as: UInt32.self))
    guard declared.allows(count, header.grain) else {
      throw InputError(
        "\(path): step \(step)", found: "\(count) losses", expected: declared.expected(header.grain))
    }
    guard rest >= 8 else { return nil }
    let checksum = records.littleEndian(at: start + 4, as: UInt32.self)
    let losses = start + 8
    guard 8 + 8 * count <= rest else {
      try requireCut(step, declared, from: losses, checksum)
      return nil
    }
    let computed = StepChecksum(stored.checksum, step: step).adding(records[losses..<(losses + 8 * count)]).value
    guard checksum == computed else {
      throw InputError(
        "\(path): step \(step)", found: "the checksum \(Checksum.hex(checksum))",
        expected: "\(Checksum.hex(computed)), that of its losses in this place: the file is damaged")
    }
    return losses..<(losses + 8 * count)
  }

  /// Called for a step that seems to be cut off. Throws `InputError` where fewer losses than its number says have its
  /// checksum, because the step was then written completely and its number is damaged.
  private func requireCut(_ step: Int, _ declared: Declared, from start: Int, _ checksum: UInt32) throws(InputError) {
    var shorter = StepChecksum(stored.checksum, step: step)
    var end = start
    var more = declared.forwards
    while end + 8 * more <= records.count {
      shorter = shorter.adding(records[end..<(end + 8 * more)])
      end += 8 * more
      more = declared.forwards - declared.ofAdapter
      guard shorter.value != checksum else {
        throw InputError(
          "\(path): step \(step)", found: "\(records.littleEndian(at: start - 8, as: UInt32.self)) losses",
          expected: "\((end - start) / 8), which have its checksum: the file is damaged")
      }
    }
  }
}

/// The checksum of a step. It continues that of the file's header.
private struct StepChecksum {
  private var running: UInt32
  private var count: UInt32 = 0

  /// The checksum without losses yet.
  init(_ header: UInt32, step: Int) {
    var number = Data()
    number.append(littleEndian: UInt64(step))
    running = Checksum.crc32(number, after: header)
  }

  /// This checksum with `losses` added.
  func adding(_ losses: Data) -> StepChecksum {
    var longer = self
    longer.running = Checksum.crc32(losses, after: running)
    longer.count += UInt32(losses.count / 8)
    return longer
  }

  /// The checksum in the form that is on disk.
  var value: UInt32 {
    var number = Data()
    number.append(littleEndian: count)
    return Checksum.crc32(number, after: running)
  }
}

/// The complete steps of a trajectory.
public struct RecordedSteps: Sendable {
  /// The path of the file.
  public let path: String
  private let records: Data
  private let losses: [Range<Int>]
  /// The header of the file; nil where there is no trajectory yet.
  private let stored: TrajectoryHeader.Stored?

  fileprivate init(path: String, records: Data, losses: [Range<Int>], _ stored: TrajectoryHeader.Stored?) {
    self.path = path
    self.records = records
    self.losses = losses
    self.stored = stored
  }

  /// No steps, for a new run whose trajectory will be at `path`.
  init(noneAt path: String) { self.init(path: path, records: Data(), losses: [], nil) }

  /// The number of steps.
  public var count: Int { losses.count }
  /// The number of bytes of a last step that was not written completely. They are left out.
  public var droppedBytes: Int { records.count - (losses.last?.upperBound ?? 0) }
  /// Whether there is no trajectory yet.
  var isNew: Bool { stored == nil }
  /// The number of bytes of the file up to the end of the last complete step.
  fileprivate var wholeSize: Int { (stored?.size ?? 0) + (losses.last?.upperBound ?? 0) }
  /// The checksum that those of further steps continue.
  fileprivate var checksum: UInt32 { stored?.checksum ?? 0 }

  /// The losses of `step`, which is below `count`.
  public subscript(step: Int) -> [Double] {
    stride(from: losses[step].lowerBound, to: losses[step].upperBound, by: 8).map {
      Double(bitPattern: records.littleEndian(at: $0))
    }
  }

  /// Throws `InputError` for a file of format 1, which can be replayed but not continued.
  public func requireAppendable() throws(InputError) {
    guard stored?.format ?? TrajectoryHeader.format == TrajectoryHeader.format else {
      throw InputError(
        "\(path): format", found: "1, which has no checksums",
        expected: "\(TrajectoryHeader.format) to go on with: this run can be replayed, and not resumed")
    }
  }
}

/// Writes a trajectory, step by step.
public final class TrajectoryWriter {
  /// The file; nil where nothing is written.
  private let file: AppendedFile?
  private let flushEvery: Int
  private let checksum: UInt32
  private var step: Int
  private var buffer = Data()
  private var waiting = 0
  /// The losses of the last step that was appended.
  private(set) var last: [Double] = []

  /// A new trajectory at `path`, where no file may exist yet. It appears there with its complete header. Steps are
  /// written in groups of `flushEvery`.
  public init(new path: String, header: TrajectoryHeader, flushEvery: Int = 1) throws(InputError) {
    guard !FileManager.default.fileExists(atPath: path) else {
      throw InputError(path, found: "a file", expected: "a place for a new trajectory")
    }
    let encoded = header.encoded
    let begun = try AtomicFile(path: path)
    try begun.write(encoded)
    try begun.commit()
    file = try AppendedFile(path, keeping: encoded.count)
    self.flushEvery = flushEvery
    checksum = encoded.littleEndian(at: 16)
    step = 0
  }

  /// Continues after `steps`. A step that was not written completely is cut off. Throws `InputError` for a file of
  /// format 1.
  public init(after steps: RecordedSteps, flushEvery: Int = 1) throws(InputError) {
    try steps.requireAppendable()
    file = try AppendedFile(steps.path, keeping: steps.wholeSize)
    self.flushEvery = flushEvery
    checksum = steps.checksum
    step = steps.count
  }

  /// A writer that only keeps the last losses, and writes nothing.
  init() {
    file = nil
    flushEvery = 1
    checksum = 0
    step = 0
  }

  /// Appends the losses of one step.
  public func append(_ losses: [Double]) throws(InputError) {
    guard let file else {
      last = losses
      return
    }
    var bytes = Data(capacity: 8 * losses.count)
    for loss in losses { bytes.append(littleEndian: loss.bitPattern) }
    buffer.append(littleEndian: UInt32(losses.count))
    buffer.append(littleEndian: StepChecksum(checksum, step: step).adding(bytes).value)
    buffer.append(bytes)
    last = losses
    step += 1
    waiting += 1
    if waiting >= flushEvery { try flush(to: file) }
  }

  /// Passes everything that was appended to the operating system.
  public func flush() throws(InputError) { if let file { try flush(to: file) } }

  private func flush(to file: AppendedFile) throws(InputError) {
    try file.write(buffer)
    buffer.removeAll(keepingCapacity: true)
    waiting = 0
  }

  /// Flushes, and waits until everything is on disk. It is called with every checkpoint and at the end.
  public func synchronize() throws(InputError) {
    try flush()
    try file?.synchronize()
  }
}
