import Zeroth

/// Minus the share of a mini-batch whose true candidate scores highest: -1 to 0, and NaN where a score is not finite.
///
/// It is piecewise constant and has no gradient to descend; its values are all that is asked for here (MeZO,
/// Malladi et al. 2023, section 3.3). It takes steps of 1 / (examples of the batch), so a large batch tells more.
public final class AccuracyObjective: CandidateObjective {
  /// The objective on mini-batches that `sampler` draws from `examples`.
  public init(_ examples: any ScoredExamples, _ sampler: BatchSampler) {
    super.init(examples, sampler) { scores, label in
      guard let prediction = CandidateScores.prediction(scores) else { return .nan }
      return prediction == label ? -1 : 0
    }
  }
}
