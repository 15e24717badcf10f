import Zeroth
import ZerothModels

/// The mini-batch of an objective over candidates, with its scores laid out.
struct CandidateBatch {
  private let model: CausalModel
  private let examples: [EncodedExample]
  private let sampler: BatchSampler
  private var scores = CandidateScores([])
  /// The right candidate of each example of the batch.
  private(set) var labels: [Int] = []

  /// The batch of step 0, drawn by `sampler` from `examples`.
  init(_ model: CausalModel, _ examples: [EncodedExample], _ sampler: BatchSampler) {
    self.model = model
    self.examples = examples
    self.sampler = sampler
    select(Batch(step: 0))
  }

  /// Chooses the examples that the sampler gives for this step and draw.
  mutating func select(_ batch: Batch) {
    let chosen = sampler.indices(step: batch.step, draw: batch.draw).map { examples[$0] }
    scores = CandidateScores(chosen)
    labels = chosen.map(\.label)
  }

  /// For each offset, the mean of `loss(candidates' scores, label)` over the batch, in one pass that writes no weight.
  func means(
    at theta: borrowing ParameterStore, along direction: (any Direction)? = nil, offsets: [Float] = [0],
    of loss: ([Double], Int) -> Double
  ) throws(InputError) -> [Double] {
    try scores.evaluate(model, at: theta, along: direction, offsets: offsets).map { scores in
      zip(scores, labels).reduce(0) { $0 + loss($1.0, $1.1) } / Double(labels.count)
    }
  }
}
