import Zeroth
import ZerothModels

/// Prompts of a masked model. The score of a class is the logit of its label word at the mask.
///
/// The examples go through the encoder one behind the other, without padding. The masked-LM head is computed only at
/// the masks, and its decoder only for the label words.
public struct ScoredMasks: ScoredExamples {
  private let model: EncoderModel
  private let examples: [EncodedMaskedExample]
  private let labelWords: [Int]

  /// The examples `examples` for `model`, made by `MaskedPromptEncoder`, and the label words.
  public init(_ model: EncoderModel, _ examples: [EncodedMaskedExample], labelWords: [Int]) {
    self.model = model
    self.examples = examples
    self.labelWords = labelWords
  }

  /// The right class of each example.
  public var labels: [Int] { examples.map(\.label) }
  /// The number of tokens of each prompt.
  public var tokenCounts: [Int] { examples.map(\.tokens.count) }
  /// What was left out of each prompt so that it fits.
  public var cuts: [PromptCut] { examples.map(\.cut) }
  /// The examples in `range`.
  public func part(_ range: Range<Int>) -> (any EncodedExamples)? {
    Self(model, Array(examples[range]), labelWords: labelWords)
  }

  /// Lays out prompts, which are scored at their masks.
  public func layOut(_ indices: [Int], in pass: inout ScoredPass) {
    pass.removeAll()
    for index in indices {
      let example = examples[index]
      pass.rows.append(pass.batch.append(example.tokens).rows.lowerBound + example.maskPosition)
      pass.appendExample(classes: labelWords.count)
    }
  }

  /// Computes the logits of the label words. Also throws `InputError` for a model without a masked-LM head.
  public func readOut(
    _ pass: inout ScoredPass, from theta: borrowing ParameterStore, at points: Points
  ) throws(InputError) {
    try model.readOut(
      &pass, .logits(rows: pass.rows, ids: labelWords), from: theta, at: points)
  }

  /// Computes the logits at theta, and adds their gradient.
  public func addGradient(
    _ pass: inout ScoredPass, at theta: borrowing ParameterStore, to gradient: inout StoredVector,
    adjoints: (inout ScoredPass) throws(InputError) -> [Double]
  ) throws(InputError) {
    try model.addGradient(
      &pass, .logits(rows: pass.rows, ids: labelWords), at: theta, to: &gradient, adjoints: adjoints)
  }
}

extension EncoderModel {
  /// Evaluates `readout` at each of `points` into `pass.values`.
  func readOut(
    _ pass: inout ScoredPass, _ readout: EncoderReadout, from theta: borrowing ParameterStore, at points: Points
  ) throws(InputError) {
    let found = try evaluate(pass.batch, readout, from: theta, at: points)
    pass.values.removeAll(keepingCapacity: true)
    for values in found { pass.values += values }
  }

  /// Evaluates `readout` at theta, and adds the gradient of sum_i a_i values_i, where the a_i are the `adjoints`.
  func addGradient(
    _ pass: inout ScoredPass, _ readout: EncoderReadout, at theta: borrowing ParameterStore,
    to gradient: inout StoredVector, adjoints: (inout ScoredPass) throws(InputError) -> [Double]
  ) throws(InputError) {
    try addGradient(of: readout, pass.batch, at: theta, to: &gradient) { values throws(InputError) in
      pass.values = values
      return try adjoints(&pass)
    }
  }
}
