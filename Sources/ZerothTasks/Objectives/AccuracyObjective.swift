import Zeroth

/// Minus the share of a mini-batch whose true candidate scores highest: -1 to 0.
///
/// It is piecewise constant and has no gradient to descend; its values are all that is asked for here (MeZO,
/// Malladi et al. 2023, section 3.3). It takes steps of 1 / (examples of the batch), so a large batch tells more.
public final class AccuracyObjective: Objective {
  /// A token outside the vocabulary or a sequence longer than the model's context.
  public typealias Failure = InputError

  private var examples: CandidateBatch

  /// The objective on mini-batches that `sampler` draws from `examples`.
  public init(_ examples: any ScoredExamples, _ sampler: BatchSampler) {
    self.examples = CandidateBatch(examples, sampler)
  }

  /// Minus the accuracy at theta on `batch`; NaN where a score is not finite.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Double {
    try losses(at: .theta, from: theta, on: batch)[0]
  }

  /// -1 for a hit and 0 for a miss of each example of `batch`; NaN where a score is not finite.
  public func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Few<Double> {
    try losses(at: .theta, from: theta, on: batch, grain: .example)
  }

  /// The same at each of `points`, by passes that write no weight.
  public func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) throws(InputError) -> Few<Double> {
    try examples.losses(at: points, from: theta, on: batch, grain: grain, of: Self.miss)
  }

  private static func miss(_ scores: ArraySlice<Double>, _ label: Int) -> Double {
    guard let prediction = CandidateScores.prediction(scores) else { return .nan }
    return prediction == label ? -1 : 0
  }
}
