import Zeroth
import ZerothModels

/// Sentences of an encoder with a label head: a class's score is `EncoderModel.labelScale` times the product of its row of
/// the head with the sentence's embedding. Or those of a checkpoint with its own classifier, whose logits are the scores.
public struct ScoredSentences: ScoredExamples {
  private let model: EncoderModel
  private let examples: [EncodedSentence]
  private let order: [Int]

  /// `examples` for `model`, whose label head or classifier has a row for each class; `order` are the rows of the classes, which
  /// are in the task's order unless given.
  public init(_ model: EncoderModel, _ examples: [EncodedSentence], order: [Int]? = nil) {
    self.model = model
    self.examples = examples
    self.order = order ?? Array(0..<model.classes)
  }

  /// The right class of each sentence.
  public var labels: [Int] { examples.map(\.label) }
  /// The sentences' tokens.
  public var tokenCounts: [Int] { examples.map(\.tokens.count) }
  /// What had to go for each sentence to fit.
  public var cuts: [PromptCut] { examples.map(\.cut) }
  /// Those in `range`.
  public func part(_ range: Range<Int>) -> (any EncodedExamples)? {
    Self(model, Array(examples[range]), order: order)
  }

  /// Sentences, each read out as a whole.
  public func layOut(_ indices: [Int], in pass: inout ScoredPass) {
    pass.removeAll()
    for index in indices {
      pass.batch.append(examples[index].tokens, types: examples[index].types)
      pass.appendExample(readOuts: order)
    }
  }

  /// The label head's scores. Throws `InputError` for a model without one, too.
  public func readOut(
    _ pass: inout ScoredPass, from theta: borrowing ParameterStore, at points: Points
  ) throws(InputError) {
    try model.readOut(&pass, .labelScores, from: theta, at: points)
  }

  /// The same, and its gradient.
  public func addGradient(
    _ pass: inout ScoredPass, at theta: borrowing ParameterStore, to gradient: inout StoredVector,
    adjoints: (inout ScoredPass) throws(InputError) -> [Double]
  ) throws(InputError) {
    try model.addGradient(&pass, .labelScores, at: theta, to: &gradient, adjoints: adjoints)
  }
}
