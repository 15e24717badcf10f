import Zeroth
import ZerothRecords

extension OptimizerProtocol {
  /// The loop of a replay: steps from where the optimiser stands until `end` steps are done.
  ///
  /// Throws what a step throws; what was recorded until then is on the disk.
  public mutating func run<Base: Objective & ~Copyable>(
    _ theta: inout ParameterStore, on objective: borrowing RecordingObjective<Base>, log: TrajectoryLog?,
    until end: Int
  ) throws {
    while nextStep < end { try runStep(&theta, on: objective, log: log) }
    try log?.synchronize()
  }

  /// One step of a run. One that `log` holds is made again from its losses and measures nothing, or, where losses are not enough,
  /// from its mini-batches. Another one is measured on
  /// `objective` and, where there is a log, recorded in it. However a run was cut off, theta so ends as if it had not been,
  /// bit for bit.
  ///
  /// Throws what the step throws; what was recorded until then is on the disk.
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
