import Zeroth
import ZerothRecords

extension OptimizerProtocol {
  /// The loop of a replay: makes steps until `end` steps are done.
  ///
  /// Throws the errors of a step. What was recorded before is on disk.
  public mutating func run<Base: Objective & ~Copyable>(
    _ theta: inout ParameterStore, on objective: borrowing RecordingObjective<Base>, log: TrajectoryLog?,
    until end: Int
  ) throws {
    while nextStep < end { try runStep(&theta, on: objective, log: log) }
    try log?.synchronize()
  }

  /// Makes one step of a run. A step that `log` contains is made again: from its losses, without a measurement, or from
  /// its mini-batch where losses are not enough. Any other step is measured on `objective`, and recorded where there is
  /// a log. So theta ends the same, bit for bit, wherever a run was interrupted.
  ///
  /// Throws the errors of the step. What was recorded before is on disk.
  @discardableResult
  public mutating func runStep<Base: Objective & ~Copyable>(
    _ theta: inout ParameterStore, on objective: borrowing RecordingObjective<Base>, log: TrajectoryLog?
  ) throws -> StepReport {
    do {
      guard let log else { return try step(&theta, objective.base) }
      guard nextStep < log.recorded.count else {
        return try recordStep(&theta, objective, to: log.openForAppending())
      }
      return try isReplayedFromLosses
        ? replayStep(&theta, log.recorded) : recomputeStep(&theta, objective.base, log.recorded)
    } catch {
      try log?.synchronize()
      throw error
    }
  }
}
