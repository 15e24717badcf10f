import Zeroth
import ZerothModels

/// Sentences of an encoder with a label head: a class's score is `EncoderModel.labelScale` times the product of its row of
/// the head with the sentence's embedding.
public struct ScoredSentences: ScoredExamples {
  private let model: EncoderModel
  private let examples: [EncodedSentence]

  /// `examples` for `model`, whose label head has a row for each class.
  public init(_ model: EncoderModel, _ examples: [EncodedSentence]) {
    self.model = model
    self.examples = examples
  }

  /// The right class of each sentence.
  public var labels: [Int] { examples.map(\.label) }
  /// The sentences' tokens.
  public var tokenCounts: [Int] { examples.map(\.tokens.count) }
  /// What had to go for each sentence to fit.
  public var cuts: [PromptCut] { examples.map(\.cut) }

  /// The label head's scores. Throws `InputError` for a model without one, too.
  public func scores(
    of indices: [Int], at theta: borrowing ParameterStore, along direction: (any Direction)?, offsets: Few<Float>
  ) throws(InputError) -> [[[Double]]] {
    try model.scores(
      TokenBatch(indices.map { examples[$0].tokens }), .labelScores, labels: indices.map { examples[$0].label },
      classes: model.classes, at: theta, along: direction, offsets: offsets)
  }
}
