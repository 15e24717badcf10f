import Zeroth
import ZerothModels

/// Sentences for an encoder with a label head: the score of a class is `EncoderModel.labelScale` times the inner
/// product of its row of the head and the sentence's embedding. For a checkpoint with its own classifier, the logits
/// are the scores.
public struct ScoredSentences: ScoredExamples {
  private let model: EncoderModel
  private let examples: [EncodedSentence]
  private let order: [Int]

  /// The examples `examples` for `model`, whose label head or classifier has a row for each class. `order` gives the
  /// row of each class; by default the rows are in the order of the classes.
  public init(_ model: EncoderModel, _ examples: [EncodedSentence], order: [Int]? = nil) {
    self.model = model
    self.examples = examples
    self.order = order ?? Array(0..<model.classes)
  }

  /// The right class of each sentence.
  public var labels: [Int] { examples.map(\.label) }
  /// The number of tokens of each sentence.
  public var tokenCounts: [Int] { examples.map(\.tokens.count) }
  /// What was left out of each sentence so that it fits.
  public var cuts: [PromptCut] { examples.map(\.cut) }
  /// The examples in `range`.
  public func part(_ range: Range<Int>) -> (any EncodedExamples)? {
    Self(model, Array(examples[range]), order: order)
  }

  /// Lays out sentences, each of which is scored as a whole.
  public func layOut(_ indices: [Int], in pass: inout ScoredPass) {
    pass.removeAll()
    for index in indices {
      pass.batch.append(examples[index].tokens, types: examples[index].types)
      pass.appendExample(readOuts: order)
    }
  }

  /// Computes the scores of the label head. Also throws `InputError` for a model without one.
  public func readOut(
    _ pass: inout ScoredPass, from theta: borrowing ParameterStore, at points: Points
  ) throws(InputError) {
    try model.readOut(&pass, .labelScores, from: theta, at: points)
  }

  /// Computes the scores at theta, and adds their gradient.
  public func addGradient(
    _ pass: inout ScoredPass, at theta: borrowing ParameterStore, to gradient: inout StoredVector,
    adjoints: (inout ScoredPass) throws(InputError) -> [Double]
  ) throws(InputError) {
    try model.addGradient(&pass, .labelScores, at: theta, to: &gradient, adjoints: adjoints)
  }
}
