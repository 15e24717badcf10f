import Zeroth

/// Minus the share of examples in a mini-batch whose true candidate has the highest score. It is between -1 and 0, and
/// NaN where a score is not finite.
///
/// It is piecewise constant, so it has no useful gradient; zeroth-order methods need only its values (MeZO, Malladi et
/// al. 2023, section 3.3). It changes in steps of 1 / (examples of the batch), so a larger batch gives finer values.
public final class AccuracyObjective: CandidateObjective {
  /// The objective on mini-batches that `sampler` draws from `examples`.
  public init(_ examples: any ScoredExamples, _ sampler: BatchSampler) {
    super.init(examples, sampler) { scores, label in
      guard let prediction = CandidateScores.prediction(scores) else { return .nan }
      return prediction == label ? -1 : 0
    }
  }
}
