import Zeroth
import ZerothRecords

extension OptimizerProtocol {
  /// The loop of every run: steps from where the optimiser stands until `end` steps are done.
  ///
  /// A step that `log` holds is made again from its losses and measures nothing. The others are measured on `objective` and,
  /// where there is a log, recorded in it. However a run was cut off, theta so ends as if it had not been, bit for bit.
  /// `afterEach` is told of every step, and whether it was made again.
  public mutating func run<Base: Objective & ~Copyable>(
    _ theta: inout ParameterStore, on objective: borrowing RecordingObjective<Base>, log: TrajectoryLog?,
    until end: Int,
    afterEach: (StepReport, _ isReplayed: Bool, borrowing ParameterStore) throws -> Void = { _, _, _ in }
  ) throws {
    do {
      while nextStep < end {
        if let log, nextStep < log.recorded.count {
          try afterEach(try replayStep(&theta, log.recorded), true, theta)
        } else if let log {
          try afterEach(try recordStep(&theta, objective, to: log.openForAppending()), false, theta)
        } else {
          try afterEach(try step(&theta, objective.base), false, theta)
        }
      }
    } catch {
      try log?.synchronize()
      throw error
    }
    try log?.synchronize()
  }
}
