import Zeroth
import ZerothModels

/// Prompts of a masked model: a class's score is the logit of its label word at the mask.
///
/// The examples go through the encoder packed one behind the other, without padding; the masked-LM head is computed at the
/// masks alone, and its decoder for the label words alone.
public struct ScoredMasks: ScoredExamples {
  private let model: EncoderModel
  private let examples: [EncodedMaskedExample]
  private let labelWords: [Int]

  /// `examples` for `model`, as `MaskedPromptEncoder` makes them and the label words.
  public init(_ model: EncoderModel, _ examples: [EncodedMaskedExample], labelWords: [Int]) {
    self.model = model
    self.examples = examples
    self.labelWords = labelWords
  }

  /// The right class of each example.
  public var labels: [Int] { examples.map(\.label) }
  /// The prompts' tokens.
  public var tokenCounts: [Int] { examples.map(\.tokens.count) }
  /// What had to go for each prompt to fit.
  public var cuts: [PromptCut] { examples.map(\.cut) }
  /// Those in `range`.
  public func part(_ range: Range<Int>) -> (any EncodedExamples)? {
    Self(model, Array(examples[range]), labelWords: labelWords)
  }

  /// Prompts, read out at their masks.
  public func layOut(_ indices: [Int], in pass: inout ScoredPass) {
    pass.removeAll()
    for index in indices {
      let example = examples[index]
      pass.rows.append(pass.batch.append(example.tokens).rows.lowerBound + example.maskPosition)
      pass.appendExample(classes: labelWords.count)
    }
  }

  /// The label words' logits. Throws `InputError` for a model without a masked-LM head, too.
  public func readOut(
    _ pass: inout ScoredPass, from theta: borrowing ParameterStore, at points: Points
  ) throws(InputError) {
    try model.readOut(
      &pass, .logits(rows: pass.rows, ids: labelWords), from: theta, at: points)
  }

  /// The same, and its gradient.
  public func addGradient(
    _ pass: inout ScoredPass, at theta: borrowing ParameterStore, to gradient: inout StoredVector,
    adjoints: (inout ScoredPass) throws(InputError) -> [Double]
  ) throws(InputError) {
    try model.addGradient(
      &pass, .logits(rows: pass.rows, ids: labelWords), at: theta, to: &gradient, adjoints: adjoints)
  }
}

extension EncoderModel {
  /// Reads `readout` out into `pass.values`.
  func readOut(
    _ pass: inout ScoredPass, _ readout: EncoderReadout, from theta: borrowing ParameterStore, at points: Points
  ) throws(InputError) {
    let found = try evaluate(pass.batch, readout, from: theta, at: points)
    pass.values.removeAll(keepingCapacity: true)
    for values in found { pass.values += values }
  }

  /// The same at theta, and the gradient of sum_i a_i values_i, where a are the `adjoints`.
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
