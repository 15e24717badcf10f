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

  /// The label words' logits. Throws `InputError` for a model without a masked-LM head, too.
  public func scores(
    of indices: [Int], at theta: borrowing ParameterStore, along direction: (any Direction)?, offsets: Few<Float>
  ) throws(InputError) -> [[[Double]]] {
    var batch = TokenBatch()
    let masks = indices.map { batch.append(examples[$0].tokens).rows.lowerBound + examples[$0].maskPosition }
    return try model.scores(
      batch, .logits(rows: masks, ids: labelWords), labels: indices.map { examples[$0].label },
      classes: labelWords.count, at: theta, along: direction, offsets: offsets)
  }
}

extension EncoderModel {
  /// What `readout` gives for the sequences of `batch`, whose right classes are `labels`: for each offset, for each sequence,
  /// for each of the `classes`.
  func scores(
    _ batch: TokenBatch, _ readout: EncoderReadout, labels: [Int], classes: Int, at theta: borrowing ParameterStore,
    along direction: (any Direction)?, offsets: Few<Float>
  ) throws(InputError) -> [[[Double]]] {
    if let label = labels.first(where: { !(0..<classes).contains($0) }) {
      throw InputError("label", found: "\(label)", expected: "one below \(classes), the number of classes")
    }
    return try evaluate(batch, readout, at: theta, along: direction, offsets: offsets).map { values in
      labels.indices.map { Array(values[($0 * classes)..<(($0 + 1) * classes)]) }
    }
  }
}
