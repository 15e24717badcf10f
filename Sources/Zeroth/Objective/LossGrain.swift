/// What one loss is the mean over.
public enum LossGrain: String, Sendable, Hashable {
  /// The whole mini-batch: one loss for each point.
  case batch
  /// One example: as many losses for each point as the mini-batch has examples. Their mean is the loss of the
  /// mini-batch.
  case example
}
