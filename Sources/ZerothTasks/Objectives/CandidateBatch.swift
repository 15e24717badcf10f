import Zeroth
import ZerothModels

/// The mini-batch of an objective over candidates.
struct CandidateBatch {
  private let examples: any ScoredExamples
  private let labels: [Int]
  private var sampler: BatchSampler
  private var indices: [Int] = []
  private var pass = ScoredPass()
  private var scores: [Double] = []

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
    examples.layOut(indices, in: &pass)
  }

  /// For each offset, the mean of `loss(candidates' scores, label)` over the batch, in one pass that writes no weight.
  mutating func means(
    at theta: borrowing ParameterStore, along direction: (any Direction)? = nil, offsets: Few<Float> = [0],
    of loss: (ArraySlice<Double>, Int) -> Double
  ) throws(InputError) -> Few<Double> {
    try pass.requireLabels(labels, of: indices)
    try examples.readOut(&pass, at: theta, along: direction, offsets: offsets)
    scores.removeAll(keepingCapacity: true)
    pass.appendScores(offsets: offsets.count, to: &scores)
    let count = pass.places.count
    return Few(count: offsets.count) { v in
      var sum = 0.0
      for (index, candidates) in zip(indices, pass.examples) {
        let first = v * count + candidates.lowerBound
        sum += loss(scores[first..<(first + candidates.count)], labels[index])
      }
      return sum / Double(indices.count)
    }
  }
}
