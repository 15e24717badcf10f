import Foundation
import Zeroth
import ZerothSupport

extension OptimizerProtocol {
  /// Makes one step on `objective`, and appends its losses to `writer`.
  ///
  /// A step that throws appends nothing. This holds too for the last of too many skipped steps (`NonFiniteError`),
  /// which leaves theta as the steps before left it.
  @discardableResult
  public mutating func recordStep<Base: Objective & ~Copyable>(
    _ theta: inout ParameterStore, _ objective: borrowing RecordingObjective<Base>, to writer: TrajectoryWriter
  ) throws -> StepReport {
    _ = objective.drain()
    let expected = forwards(at: nextStep, in: theta.layout)
    let report = try step(&theta, objective)
    var (losses, forwards) = objective.drain()
    guard forwards == expected || (report.outcome == .skipped && forwards < expected) else {
      throw InputError(
        "step \(report.step)", found: "\(forwards) forward passes",
        expected: "\(expected), as its strategies declare")
    }
    losses += Array(repeating: .nan, count: expected - forwards)
    try writer.append(losses)
    return report
  }

  /// Makes one step that is recorded but whose gradients have to be computed again. Its first loss is compared with the
  /// recorded one, to 1e-3. Another type of CPU rounds differently, so the comparison is not exact; without it, another
  /// model or other data would go unnoticed.
  @discardableResult
  public mutating func recomputeStep<Base: Objective & ~Copyable>(
    _ theta: inout ParameterStore, _ objective: borrowing Base, _ steps: RecordedSteps
  ) throws -> StepReport {
    let recorded = steps[nextStep][0]
    let report = try step(&theta, objective)
    guard let loss = report.losses.first,
      abs(loss - recorded) <= 1e-3 * max(1, abs(recorded)) || !(loss.isFinite || recorded.isFinite)
    else {
      throw InputError(
        "\(steps.path): step \(report.step)", found: "a recorded loss of \(recorded)",
        expected:
          "\(report.losses.first ?? .nan), as it is computed now: another model, other data or another composition?")
    }
    return report
  }

  /// Makes one step from its recorded losses. Nothing is evaluated, and theta changes as it did before, bit for bit.
  @discardableResult
  public mutating func replayStep(_ theta: inout ParameterStore, _ steps: RecordedSteps) throws -> StepReport {
    let subject = "\(steps.path): step \(nextStep)"
    guard nextStep < steps.count else {
      throw InputError(subject, found: "\(steps.count) recorded steps", expected: "more than \(nextStep)")
    }
    let losses = steps[nextStep]
    let (ofAdapter, all) = (adapterForwards(at: nextStep), forwards(at: nextStep, in: theta.layout))
    let examples = grain == .batch ? 1 : max(1, (losses.count - ofAdapter) / max(1, all - ofAdapter))
    let playback = PlaybackObjective(losses, examples: examples, subject: subject)
    let report = try step(&theta, playback)
    guard report.outcome == .skipped || playback.remaining == 0 else {
      throw InputError(
        subject, found: "\(playback.remaining) recorded losses that the optimiser does not ask for",
        expected: "none: another composition than the recorded one?")
    }
    return report
  }
}

/// The trajectory of a run on disk. It is read once, for the recorded steps, and new steps are appended to it.
public final class TrajectoryLog {
  /// The steps that are recorded in it; none for a new run.
  public let recorded: RecordedSteps
  private let header: TrajectoryHeader
  private let flushEvery: Int
  private let isWritten: Bool
  private var writer: TrajectoryWriter?

  /// Opens the trajectory at `path` of the run that `header` describes. The number of losses of each step follows from
  /// the counts that `optimizer` declares.
  ///
  /// Where there is no file, or a file that ends within its header, the run is new. Nothing is written before the first
  /// new step. Steps are written in groups of `flushEvery`. Throws `InputError` when the file belongs to another run,
  /// is damaged, or holds more steps than are planned.
  public convenience init(
    _ path: String, header: TrajectoryHeader, optimizer: any OptimizerProtocol, layout: ParameterLayout,
    flushEvery: Int = 1
  ) throws(InputError) {
    let data = FileManager.default.contents(atPath: path)
    guard data != nil || !FileManager.default.fileExists(atPath: path) else {
      throw InputError(path, found: "a file that cannot be read", expected: "a trajectory")
    }
    try self.init(
      data, path: path, isWritten: true, header: header, optimizer: optimizer, layout: layout, flushEvery: flushEvery)
  }

  /// The trajectory in `data`, which is a copy of the file at `path`; that of a new run where `data` is nil. It cannot
  /// be written.
  public convenience init(
    copy data: Data?, of path: String, header: TrajectoryHeader, optimizer: any OptimizerProtocol,
    layout: ParameterLayout
  ) throws(InputError) {
    try self.init(
      data, path: path, isWritten: false, header: header, optimizer: optimizer, layout: layout, flushEvery: 1)
  }

  private init(
    _ data: Data?, path: String, isWritten: Bool, header: TrajectoryHeader, optimizer: any OptimizerProtocol,
    layout: ParameterLayout, flushEvery: Int
  ) throws(InputError) {
    self.header = header
    self.flushEvery = flushEvery
    self.isWritten = isWritten
    guard let data, !TrajectoryHeader.isCut(data) else {
      recorded = RecordedSteps(noneAt: path)
      return
    }
    recorded = try Trajectory(data, path: path).steps(of: header, by: optimizer, in: layout)
  }

  /// The writer that appends new steps. A step that was not written completely is cut off first.
  public func openForAppending() throws(InputError) -> TrajectoryWriter {
    if let writer { return writer }
    let fresh: TrajectoryWriter
    if !isWritten {
      fresh = TrajectoryWriter()
    } else if recorded.isNew {
      unlink(recorded.path)  // it contains at most a part of the header
      fresh = try TrajectoryWriter(new: recorded.path, header: header, flushEvery: flushEvery)
    } else {
      fresh = try TrajectoryWriter(after: recorded, flushEvery: flushEvery)
    }
    writer = fresh
    return fresh
  }

  /// The losses of the last step that was appended; empty before the first.
  public var lastLosses: [Double] { writer?.last ?? [] }

  /// Waits until everything that was appended is on disk.
  public func synchronize() throws(InputError) { try writer?.synchronize() }
}
