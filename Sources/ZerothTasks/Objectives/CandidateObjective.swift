import Zeroth

/// The mean over a mini-batch of a loss on the candidates' scores: ``ClassificationObjective``, ``AccuracyObjective``, or one
/// of one's own (``TaskObjective``).
public class CandidateObjective: Objective {
  /// A token outside the vocabulary or a sequence longer than the model's context.
  public typealias Failure = InputError

  private var examples: CandidateBatch
  private let loss: CandidateLoss

  /// The objective on mini-batches that `sampler` draws from `examples`, of `loss(scores, label)` of each. With `slopes`, the
  /// derivatives of the loss by the scores, it can be differentiated.
  public init(
    _ examples: any ScoredExamples, _ sampler: BatchSampler,
    loss: @escaping @Sendable (ArraySlice<Double>, Int) -> Double,
    slopes: (@Sendable (ArraySlice<Double>, Int) -> [Double])? = nil
  ) {
    self.examples = CandidateBatch(examples, sampler)
    self.loss = CandidateLoss(value: loss, slopes: slopes)
  }

  /// The mean at theta on `batch`.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Double {
    try losses(at: .theta, from: theta, on: batch)[0]
  }

  /// The loss of each example of `batch`.
  public func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Few<Double> {
    try losses(at: .theta, from: theta, on: batch, grain: .example)
  }

  /// The same at each of `points`, by passes that write no weight.
  public func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) throws(InputError) -> Few<Double> {
    try examples.losses(at: points, from: theta, on: batch, grain: grain, of: loss.value)
  }

  /// The loss of each example of `batch` along its own direction, an example at a time.
  public func losses<D: ExampleDirections>(
    ofExamplesAlong directions: D, at offsets: Few<Float>, from theta: borrowing ParameterStore, on batch: Batch
  ) throws(InputError) -> Few<Double> {
    try examples.losses(ofExamplesAlong: directions, at: offsets, from: theta, on: batch, of: loss.value)
  }

  /// Whether the loss has slopes.
  public var hasDerivatives: Bool { loss.slopes != nil }

  /// The mean and its gradient; nil where the loss has no slopes.
  public func differentiate(
    at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector
  ) throws(InputError) -> Double? {
    loss.slopes == nil ? nil : try examples.gradient(at: theta, on: batch, into: &gradient, of: loss)
  }

  /// The mean and its derivative; nil where the loss has no slopes.
  public func differentiate<D: Direction>(
    along direction: D, at theta: borrowing ParameterStore, on batch: Batch
  ) throws(InputError) -> DirectionalDerivative? {
    loss.slopes == nil ? nil : try examples.derivative(along: direction, at: theta, on: batch, of: loss)
  }
}
