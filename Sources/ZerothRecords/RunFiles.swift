/// The paths of the files in a run's folder.
public struct RunFiles: Sendable {
  /// The folder.
  public let folder: String

  /// The files in `folder`.
  public init(_ folder: String) { self.folder = folder }

  /// The record of the run: its settings and its results.
  public var record: String { folder + "/run.json" }
  /// The rows of the metrics, one for each step and evaluation.
  public var metrics: String { folder + "/metrics.jsonl" }
  /// The folder with the same rows for TensorBoard, where a run writes them.
  public var tensorBoard: String { folder + "/tensorboard" }
  /// What the process of the run wrote to standard error, where it was kept.
  public var output: String { folder + "/output.log" }
  /// A copy of the file that describes the task, as the run read it, where the task is from a file.
  public var task: String { folder + "/task.toml" }
  /// The trajectory: the losses, from which the run can be replayed.
  public var trajectory: String { folder + "/trajectory.bin" }
  /// The folder of the snapshots: the optimiser's state after some steps, for a run that is resumed.
  public var snapshots: String { folder + "/snapshots" }
  /// The last model, where the run keeps it.
  public var last: String { folder + "/last" }
  /// The model with the best dev score.
  public var model: String { folder + "/model" }
}
