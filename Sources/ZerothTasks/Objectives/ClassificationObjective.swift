import Zeroth
import ZerothModels

/// The cross-entropy of the true candidate over the candidates' scores, averaged over a mini-batch.
public final class ClassificationObjective: Objective {
  /// A token outside the vocabulary or a sequence longer than the model's context.
  public typealias Failure = InputError

  private var batch: CandidateBatch

  /// The objective on mini-batches that `sampler` draws from `examples`.
  public init(_ examples: any ScoredExamples, _ sampler: BatchSampler) { batch = CandidateBatch(examples, sampler) }

  /// Chooses the examples that the sampler gives for this step and draw.
  public func selectBatch(_ batch: Batch) { self.batch.select(batch) }

  /// The mean cross-entropy at theta.
  public func loss(at theta: borrowing ParameterStore) throws(InputError) -> Double {
    try batch.means(at: theta, of: CandidateScores.crossEntropy)[0]
  }

  /// The mean cross-entropies at theta + offsets[i] D, in one pass that writes no weight.
  public func losses<D: Direction>(
    along direction: D, at offsets: Few<Float>, from theta: borrowing ParameterStore
  ) throws(InputError) -> Few<Double> {
    try batch.means(at: theta, along: direction, offsets: offsets, of: CandidateScores.crossEntropy)
  }
}
