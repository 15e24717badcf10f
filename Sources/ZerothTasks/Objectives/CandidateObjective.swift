import Zeroth

/// The mean over a mini-batch of a loss that depends on the scores of the candidates: ``ClassificationObjective``,
/// ``AccuracyObjective``, or your own (``TaskObjective``).
public class CandidateObjective: Objective {
  /// The error for a token outside the vocabulary and for a sequence longer than the model's context.
  public typealias Failure = InputError

  private var examples: CandidateBatch
  private let loss: CandidateLoss

  /// The objective on mini-batches that `sampler` draws from `examples`, with the loss `loss(scores, label)` of each
  /// example. It can be differentiated where `slopes` gives the derivatives of the loss by the scores.
  public init(
    _ examples: any ScoredExamples, _ sampler: BatchSampler,
    loss: @escaping @Sendable (ArraySlice<Double>, Int) -> Double,
    slopes: (@Sendable (ArraySlice<Double>, Int) -> [Double])? = nil
  ) {
    self.examples = CandidateBatch(examples, sampler)
    self.loss = CandidateLoss(value: loss, slopes: slopes)
  }

  /// The mean loss at theta over `batch`.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Double {
    try losses(at: .theta, from: theta, on: batch)[0]
  }

  /// The loss of each example of `batch`.
  public func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Few<Double> {
    try losses(at: .theta, from: theta, on: batch, grain: .example)
  }

  /// The losses at each of `points`, computed without writing a weight.
  public func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) throws(InputError) -> Few<Double> {
    try examples.losses(at: points, from: theta, on: batch, grain: grain, of: loss.value)
  }

  /// The loss of each example of `batch` along its own direction, one example at a time.
  public func losses<D: ExampleDirections>(
    ofExamplesAlong directions: D, at offsets: Few<Float>, from theta: borrowing ParameterStore, on batch: Batch
  ) throws(InputError) -> Few<Double> {
    try examples.losses(ofExamplesAlong: directions, at: offsets, from: theta, on: batch, of: loss.value)
  }

  /// Whether the loss has slopes.
  public var hasDerivatives: Bool { loss.slopes != nil }

  /// The mean loss and its gradient; nil where the loss has no slopes.
  public func differentiate(
    at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector
  ) throws(InputError) -> Double? {
    loss.slopes == nil ? nil : try examples.gradient(at: theta, on: batch, into: &gradient, of: loss)
  }

  /// The mean loss and its derivative; nil where the loss has no slopes.
  public func differentiate<D: Direction>(
    along direction: D, at theta: borrowing ParameterStore, on batch: Batch
  ) throws(InputError) -> DirectionalDerivative? {
    loss.slopes == nil ? nil : try examples.derivative(along: direction, at: theta, on: batch, of: loss)
  }
}
