import Zeroth
import ZerothModels

/// The mini-batches of an objective over candidates. The one that was asked for last stays laid out, as a step asks for
/// the same one several times.
struct CandidateBatch {
  private let examples: any ScoredExamples
  private let labels: [Int]
  private var sampler: BatchSampler
  /// The mini-batch that is laid out; nil before the first.
  private var current: Batch?
  private var indices: [Int] = []
  private var pass = ScoredPass()
  private var scores: [Double] = []

  /// Mini-batches that `sampler` draws from `examples`.
  init(_ examples: any ScoredExamples, _ sampler: BatchSampler) {
    self.examples = examples
    self.sampler = sampler
    labels = examples.labels
  }

  /// Lays out the examples that the sampler gives for this step and draw, unless they are laid out already.
  private mutating func layOut(_ batch: Batch) {
    guard batch != current else { return }
    current = batch
    indices.removeAll(keepingCapacity: true)
    indices += sampler.draw(step: batch.step, draw: batch.draw)
    examples.layOut(indices, in: &pass)
  }

  /// `loss(candidates' scores, label)` of each example of `batch` at each of `points`, point after point, or its mean over
  /// the examples for each point, as `grain` says. No weight is written.
  mutating func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain,
    of loss: (ArraySlice<Double>, Int) -> Double
  ) throws(InputError) -> Few<Double> {
    layOut(batch)
    try pass.requireLabels(labels, of: indices)
    try examples.readOut(&pass, from: theta, at: points)
    scores.removeAll(keepingCapacity: true)
    pass.appendScores(points: points.count, to: &scores)
    let count = pass.places.count
    var losses: Few<Double> = []
    for v in points.indices {
      var sum = 0.0
      for (index, candidates) in zip(indices, pass.examples) {
        let first = v * count + candidates.lowerBound
        let loss = loss(scores[first..<(first + candidates.count)], labels[index])
        if grain == .example { losses.append(loss) } else { sum += loss }
      }
      if grain == .batch { losses.append(sum / Double(indices.count)) }
    }
    return losses
  }
}
