/// The files of a run's folder.
public struct RunFiles: Sendable {
  /// The folder.
  public let folder: String

  /// The files in `folder`.
  public init(_ folder: String) { self.folder = folder }

  /// What the run was, and what came of it.
  public var record: String { folder + "/run.json" }
  /// A row for each step and evaluation.
  public var metrics: String { folder + "/metrics.jsonl" }
  /// The folder of the same rows as TensorBoard reads them, where that is asked for.
  public var tensorBoard: String { folder + "/tensorboard" }
  /// What the process of the run wrote to standard error, where that was kept.
  public var output: String { folder + "/output.log" }
  /// The file that describes the task, where it is from one: a copy, as the run has read it.
  public var task: String { folder + "/task.toml" }
  /// The losses, from which the run can be replayed.
  public var trajectory: String { folder + "/trajectory.bin" }
  /// The optimiser's state after some steps, for a run that goes on.
  public var snapshots: String { folder + "/snapshots" }
  /// The last model, where it is kept.
  public var last: String { folder + "/last" }
  /// The best model by its dev score.
  public var model: String { folder + "/model" }
}
