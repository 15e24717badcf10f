import Zeroth

/// The cross-entropy of the true candidate over the candidates' scores, averaged over a mini-batch.
public final class ClassificationObjective: Objective {
  /// A token outside the vocabulary or a sequence longer than the model's context.
  public typealias Failure = InputError

  private var examples: CandidateBatch

  /// The objective on mini-batches that `sampler` draws from `examples`.
  public init(_ examples: any ScoredExamples, _ sampler: BatchSampler) {
    self.examples = CandidateBatch(examples, sampler)
  }

  /// The mean cross-entropy at theta on `batch`.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Double {
    try losses(at: .theta, from: theta, on: batch)[0]
  }

  /// The cross-entropy of each example of `batch`.
  public func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Few<Double> {
    try losses(at: .theta, from: theta, on: batch, grain: .example)
  }

  /// The same at each of `points`, by passes that write no weight.
  public func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) throws(InputError) -> Few<Double> {
    try examples.losses(at: points, from: theta, on: batch, grain: grain, of: CandidateScores.crossEntropy)
  }
}
