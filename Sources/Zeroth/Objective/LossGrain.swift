/// What a loss is taken over.
public enum LossGrain: String, Sendable, Hashable {
  /// The mini-batch: one loss for each point.
  case batch
  /// Each example of the mini-batch: as many losses for each point, whose mean is the loss of the mini-batch.
  case example
}
