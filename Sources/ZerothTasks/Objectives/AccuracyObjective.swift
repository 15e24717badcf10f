import Zeroth
import ZerothModels

/// Minus the share of a mini-batch whose true candidate scores highest: -1 to 0.
///
/// It is piecewise constant and has no gradient to descend; its values are all that is asked for here (MeZO,
/// Malladi et al. 2023, section 3.3). It takes steps of 1 / (examples of the batch), so a large batch tells more.
public final class AccuracyObjective: Objective {
  /// A token outside the vocabulary or a sequence longer than the model's context.
  public typealias Failure = InputError

  private var batch: CandidateBatch

  /// The objective on mini-batches that `sampler` draws from `examples`.
  public init(_ examples: any ScoredExamples, _ sampler: BatchSampler) { batch = CandidateBatch(examples, sampler) }

  /// Chooses the examples that the sampler gives for this step and draw.
  public func selectBatch(_ batch: Batch) { self.batch.select(batch) }

  /// Minus the accuracy at theta; NaN where a score is not finite.
  public func loss(at theta: borrowing ParameterStore) throws(InputError) -> Double {
    try batch.means(at: theta, of: Self.miss)[0]
  }

  /// Minus the accuracies at theta + offsets[i] D, in one pass that writes no weight.
  public func losses<D: Direction>(
    along direction: D, at offsets: Few<Float>, from theta: borrowing ParameterStore
  ) throws(InputError) -> Few<Double> {
    try batch.means(at: theta, along: direction, offsets: offsets, of: Self.miss)
  }

  private static func miss(_ scores: ArraySlice<Double>, _ label: Int) -> Double {
    guard scores.allSatisfy(\.isFinite) else { return .nan }
    return CandidateScores.prediction(scores) == label ? -1 : 0
  }
}
