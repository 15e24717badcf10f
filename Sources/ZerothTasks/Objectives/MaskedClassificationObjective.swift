import Zeroth
import ZerothModels

/// The cross-entropy of the true class over the label words' logits at the mask, averaged over a mini-batch.
public final class MaskedClassificationObjective: Objective {
  /// A token outside the vocabulary, a sequence longer than the model's context, or a model without a masked-LM head.
  public typealias Failure = InputError

  private let model: EncoderModel
  private let examples: [EncodedMaskedExample]
  private let labelWords: [Int]
  private let sampler: BatchSampler
  private var scores: EncoderScores

  /// The objective on mini-batches that `sampler` draws from `examples`, as `MaskedPromptEncoder` makes them and the label
  /// words.
  public init(
    _ model: EncoderModel, _ examples: [EncodedMaskedExample], labelWords: [Int], _ sampler: BatchSampler
  ) {
    self.model = model
    self.examples = examples
    self.labelWords = labelWords
    self.sampler = sampler
    scores = EncoderScores([], labelWords: labelWords)
    selectBatch(Batch(step: 0))
  }

  /// Chooses the examples that the sampler gives for this step and draw.
  public func selectBatch(_ batch: Batch) {
    let chosen = sampler.indices(step: batch.step, draw: batch.draw).map { examples[$0] }
    scores = EncoderScores(chosen, labelWords: labelWords)
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
