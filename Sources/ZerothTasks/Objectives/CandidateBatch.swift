import Zeroth
import ZerothModels

/// The mini-batch of an objective over candidates.
struct CandidateBatch {
  private let examples: any ScoredExamples
  private let labels: [Int]
  private var sampler: BatchSampler
  private var indices: [Int] = []

  /// The batch of step 0, drawn by `sampler` from `examples`.
  init(_ examples: any ScoredExamples, _ sampler: BatchSampler) {
    self.examples = examples
    self.sampler = sampler
    labels = examples.labels
    select(Batch(step: 0))
  }

  /// Chooses the examples that the sampler gives for this step and draw.
  mutating func select(_ batch: Batch) {
    indices.removeAll(keepingCapacity: true)
    indices += sampler.draw(step: batch.step, draw: batch.draw)
  }

  /// For each offset, the mean of `loss(candidates' scores, label)` over the batch, in one pass that writes no weight.
  func means(
    at theta: borrowing ParameterStore, along direction: (any Direction)? = nil, offsets: Few<Float> = [0],
    of loss: ([Double], Int) -> Double
  ) throws(InputError) -> Few<Double> {
    Few(try examples.scores(of: indices, at: theta, along: direction, offsets: offsets)).map { scores in
      zip(scores, indices).reduce(0) { $0 + loss($1.0, labels[$1.1]) } / Double(indices.count)
    }
  }
}
