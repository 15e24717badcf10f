import Zeroth

/// The cross-entropy of the true candidate under the softmax of the candidates' scores, averaged over a mini-batch.
public final class ClassificationObjective: CandidateObjective, DifferentiableObjective {
  /// The objective on mini-batches that `sampler` draws from `examples`.
  public init(_ examples: any ScoredExamples, _ sampler: BatchSampler) {
    super.init(
      examples, sampler, loss: { CandidateScores.crossEntropy($0, label: $1) },
      slopes: { CandidateScores.crossEntropySlopes($0, label: $1) })
  }

  /// The mean loss and its gradient.
  public func gradient(
    at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector
  ) throws(InputError) -> Double {
    guard let loss = try differentiate(at: theta, on: batch, into: &gradient) else {
      preconditionFailure("it has slopes")
    }
    return loss
  }

  /// The mean loss and its derivative along `direction`, by forward mode.
  public func derivative<D: Direction>(
    along direction: D, at theta: borrowing ParameterStore, on batch: Batch
  ) throws(InputError) -> DirectionalDerivative {
    guard let slope = try differentiate(along: direction, at: theta, on: batch) else {
      preconditionFailure("it has slopes")
    }
    return slope
  }
}
