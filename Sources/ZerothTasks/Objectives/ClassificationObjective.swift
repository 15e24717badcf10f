import Zeroth
import ZerothModels

/// The cross-entropy of the true candidate over the candidates' scores, averaged over a mini-batch.
public final class ClassificationObjective: Objective {
  /// A token outside the vocabulary or a sequence longer than the model's context.
  public typealias Failure = InputError

  private let model: CausalModel
  private let examples: [EncodedExample]
  private let sampler: BatchSampler
  private var scores: CandidateScores
  private var labels: [Int] = []

  /// The objective on mini-batches that `sampler` draws from `examples`.
  public init(_ model: CausalModel, _ examples: [EncodedExample], _ sampler: BatchSampler) {
    self.model = model
    self.examples = examples
    self.sampler = sampler
    scores = CandidateScores([])
    selectBatch(Batch(step: 0))
  }

  /// Chooses the examples that the sampler gives for this step and draw.
  public func selectBatch(_ batch: Batch) {
    let chosen = sampler.indices(step: batch.step, draw: batch.draw).map { examples[$0] }
    scores = CandidateScores(chosen)
    labels = chosen.map(\.label)
  }

  /// The mean cross-entropy at theta.
  public func loss(at theta: borrowing ParameterStore) throws(InputError) -> Double {
    mean(try scores.evaluate(model, at: theta)[0])
  }

  /// The mean cross-entropies at theta + offsets[i] D, in one pass that writes no weight.
  public func losses<D: Direction>(
    along direction: D, at offsets: [Float], from theta: borrowing ParameterStore
  ) throws(InputError) -> [Double] {
    try scores.evaluate(model, at: theta, along: direction, offsets: offsets).map(mean)
  }

  private func mean(_ scores: [[Double]]) -> Double {
    zip(scores, labels).reduce(0) { $0 + CandidateScores.crossEntropy($1.0, label: $1.1) } / Double(labels.count)
  }
}
