import Zeroth

/// The cross-entropy of the true candidate over the candidates' scores, averaged over a mini-batch.
public final class ClassificationObjective: CandidateObjective {
  /// The objective on mini-batches that `sampler` draws from `examples`.
  public init(_ examples: any ScoredExamples, _ sampler: BatchSampler) {
    super.init(examples, sampler) { CandidateScores.crossEntropy($0, label: $1) }
  }
}
