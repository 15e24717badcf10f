import Zeroth

/// The mean over a mini-batch of a loss on the candidates' scores: ``ClassificationObjective``, ``AccuracyObjective``, or one
/// of one's own (``TaskObjective``).
public class CandidateObjective: Objective {
  /// A token outside the vocabulary or a sequence longer than the model's context.
  public typealias Failure = InputError

  private var examples: CandidateBatch
  private let loss: @Sendable (ArraySlice<Double>, Int) -> Double

  /// The objective on mini-batches that `sampler` draws from `examples`, of `loss(scores, label)` of each.
  public init(
    _ examples: any ScoredExamples, _ sampler: BatchSampler,
    loss: @escaping @Sendable (ArraySlice<Double>, Int) -> Double
  ) {
    self.examples = CandidateBatch(examples, sampler)
    self.loss = loss
  }

  /// The mean at theta on `batch`.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Double {
    try losses(at: .theta, from: theta, on: batch)[0]
  }

  /// The loss of each example of `batch`.
  public func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Few<Double> {
    try losses(at: .theta, from: theta, on: batch, grain: .example)
  }

  /// The same at each of `points`, by passes that write no weight.
  public func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) throws(InputError) -> Few<Double> {
    try examples.losses(at: points, from: theta, on: batch, grain: grain, of: loss)
  }
}
