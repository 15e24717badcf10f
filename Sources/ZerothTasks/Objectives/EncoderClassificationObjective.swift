import Zeroth
import ZerothModels

/// The cross-entropy of the true class over the label head's scores of a sentence, averaged over a mini-batch. The head is
/// a block of the model, trained with the rest; `EncoderModel.startLabelHead` starts it from embedded label sentences.
public final class EncoderClassificationObjective: Objective {
  /// A token outside the vocabulary, a sequence longer than the model's context, or a model without a label head.
  public typealias Failure = InputError

  private let model: EncoderModel
  private let examples: [EncodedSentence]
  private let sampler: BatchSampler
  private var scores: EncoderScores

  /// The objective on mini-batches that `sampler` draws from `examples`, whose labels are rows of the model's label head.
  public init(_ model: EncoderModel, _ examples: [EncodedSentence], _ sampler: BatchSampler) {
    self.model = model
    self.examples = examples
    self.sampler = sampler
    scores = EncoderScores([], classes: model.classes)
    selectBatch(Batch(step: 0))
  }

  /// Chooses the examples that the sampler gives for this step and draw.
  public func selectBatch(_ batch: Batch) {
    let chosen = sampler.indices(step: batch.step, draw: batch.draw).map { examples[$0] }
    scores = EncoderScores(chosen, classes: model.classes)
  }

  /// The mean cross-entropy at theta.
  public func loss(at theta: borrowing ParameterStore) throws(InputError) -> Double {
    try scores.meanCrossEntropies(model, at: theta)[0]
  }

  /// The mean cross-entropies at theta + offsets[i] D, in one pass that writes no weight.
  public func losses<D: Direction>(
    along direction: D, at offsets: [Float], from theta: borrowing ParameterStore
  ) throws(InputError) -> [Double] {
    try scores.meanCrossEntropies(model, at: theta, along: direction, offsets: offsets)
  }
}
