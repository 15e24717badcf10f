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
    try examples.means(at: theta, on: batch, of: CandidateScores.crossEntropy)[0]
  }

  /// The mean cross-entropies at theta + offsets[i] D on `batch`, in one pass that writes no weight.
  public func losses<D: Direction>(
    along direction: D, at offsets: Few<Float>, from theta: borrowing ParameterStore, on batch: Batch
  ) throws(InputError) -> Few<Double> {
    try examples.means(at: theta, along: direction, offsets: offsets, on: batch, of: CandidateScores.crossEntropy)
  }
}
