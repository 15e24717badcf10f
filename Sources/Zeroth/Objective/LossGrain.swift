/// What one measured loss is of: what a trajectory records for each evaluation of an objective.
public enum LossGrain: String, Sendable {
  /// One loss for each forward pass: the mean over the mini-batch.
  case batch
  /// One loss for each example of the mini-batch in each forward pass.
  case example
}
