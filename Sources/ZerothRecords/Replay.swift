import Foundation
import Zeroth
import ZerothSupport

extension OptimizerProtocol {
  /// One step on `objective`, its losses appended to `writer`.
  ///
  /// A step that throws appends nothing: neither does the last of too many skipped ones (`NonFiniteError`), which
  /// leaves theta as the steps before it did.
  @discardableResult
  public mutating func recordStep<Base: Objective & ~Copyable>(
    _ theta: inout ParameterStore, _ objective: borrowing RecordingObjective<Base>, to writer: TrajectoryWriter
  ) throws -> StepReport {
    _ = objective.takeLosses()
    let expected = forwards(at: nextStep, in: theta.layout)
    let report = try step(&theta, objective)
    var losses = objective.takeLosses()
    guard losses.count == expected || (report.outcome == .skipped && losses.count < expected) else {
      throw InputError(
        "step \(report.step)", found: "\(losses.count) forward passes",
        expected: "\(expected), as its strategies declare")
    }
    losses += Array(repeating: .nan, count: expected - losses.count)
    try writer.append(losses)
    return report
  }

  /// One step from its recorded losses: nothing is evaluated, and theta moves as it did, bit for bit.
  @discardableResult
  public mutating func replayStep(_ theta: inout ParameterStore, _ steps: RecordedSteps) throws -> StepReport {
    let subject = "\(steps.path): step \(nextStep)"
    guard nextStep < steps.count else {
      throw InputError(subject, found: "\(steps.count) recorded steps", expected: "more than \(nextStep)")
    }
    let playback = PlaybackObjective(steps[nextStep], subject: subject)
    let report = try step(&theta, playback)
    guard report.outcome == .skipped || playback.remaining == 0 else {
      throw InputError(
        subject, found: "\(playback.remaining) recorded losses that the optimiser does not ask for",
        expected: "none: another composition than the recorded one?")
    }
    return report
  }

  /// Replays `steps` from the base weights theta on; `afterEach` is told of every step.
  public mutating func replay(
    _ steps: RecordedSteps, on theta: inout ParameterStore,
    afterEach: (StepReport, borrowing ParameterStore) throws -> Void = { _, _ in }
  ) throws {
    while nextStep < steps.count { try afterEach(try replayStep(&theta, steps), theta) }
  }

  /// Runs to step `end`, from the base weights theta: replays what the trajectory at `path` holds, and goes on live.
  ///
  /// Without a file it starts one. However a run was cut off, theta ends as if it had not been, bit for bit.
  /// `afterEach` is told of every step, and whether it was replayed. Throws `InputError` when the trajectory belongs to another
  /// run than `header`.
  public mutating func resume<Base: Objective & ~Copyable>(
    _ theta: inout ParameterStore, _ objective: borrowing RecordingObjective<Base>, trajectory path: String,
    header: TrajectoryHeader, until end: Int, flushEvery: Int = 1,
    afterEach: (StepReport, _ replayed: Bool, borrowing ParameterStore) throws -> Void = { _, _, _ in }
  ) throws {
    let writer: TrajectoryWriter
    if let steps = try recordedSteps(path, header, theta.layout) {
      try replay(steps, on: &theta) { report, theta in try afterEach(report, true, theta) }
      writer = try TrajectoryWriter(after: steps, flushEvery: flushEvery)
    } else {
      writer = try TrajectoryWriter(new: path, header: header, flushEvery: flushEvery)
    }
    do {
      while nextStep < end {
        let report = try recordStep(&theta, objective, to: writer)
        try afterEach(report, false, theta)
      }
    } catch {
      try writer.synchronize()
      throw error
    }
    try writer.synchronize()
  }

  /// The steps at `path`; nil when there is no file, or one that was cut off within its header, which is removed.
  private func recordedSteps(
    _ path: String, _ header: TrajectoryHeader, _ layout: ParameterLayout
  ) throws(InputError) -> RecordedSteps? {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    if let data = FileManager.default.contents(atPath: path), data.count < header.encoded.count,
      header.encoded.prefix(data.count) == data
    {
      unlink(path)
      return nil
    }
    return try Trajectory(file: path).steps(of: header, by: self, in: layout)
  }
}
