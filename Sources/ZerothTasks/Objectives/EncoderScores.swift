import Zeroth
import ZerothModels

/// The scores of the classes of some examples under an encoder: the logits of the label words at the mask, or the label
/// head's scores of the sentences (TASKS: masked models, encoders without a language-model head).
///
/// The examples go through the encoder packed one behind the other, without padding; a masked-LM head is computed at the
/// masks alone, and its decoder for the label words alone.
struct EncoderScores {
  /// The class that is right for each example.
  let labels: [Int]
  private let batch: TokenBatch
  private let readout: EncoderReadout
  private let classes: Int

  init(_ examples: [EncodedMaskedExample], labelWords: [Int]) {
    var batch = TokenBatch()
    let masks = examples.map { batch.append($0.tokens).rows.lowerBound + $0.maskPosition }
    self.batch = batch
    labels = examples.map(\.label)
    readout = .logits(rows: masks, ids: labelWords)
    classes = labelWords.count
  }

  init(_ examples: [EncodedSentence], classes: Int) {
    batch = TokenBatch(examples.map(\.tokens))
    labels = examples.map(\.label)
    readout = .labelScores
    self.classes = classes
  }

  /// The scores at theta + offsets[v] `direction`: for each offset, for each example, for each class.
  func evaluate(
    _ model: EncoderModel, at theta: borrowing ParameterStore, along direction: (any Direction)? = nil,
    offsets: [Float] = [0]
  ) throws(InputError) -> [[[Double]]] {
    guard !labels.isEmpty else { return offsets.map { _ in [] } }
    if let label = labels.first(where: { !(0..<classes).contains($0) }) {
      throw InputError("label", found: "\(label)", expected: "one below \(classes), the number of classes")
    }
    return try model.evaluate(batch, readout, at: theta, along: direction, offsets: offsets).map { values in
      labels.indices.map { Array(values[($0 * classes)..<(($0 + 1) * classes)]) }
    }
  }

  /// The mean cross-entropies of the labels at theta + offsets[v] `direction`.
  func meanCrossEntropies(
    _ model: EncoderModel, at theta: borrowing ParameterStore, along direction: (any Direction)? = nil,
    offsets: [Float] = [0]
  ) throws(InputError) -> [Double] {
    try evaluate(model, at: theta, along: direction, offsets: offsets).map { scores in
      zip(scores, labels).reduce(0) { $0 + CandidateScores.crossEntropy($1.0, label: $1.1) } / Double(labels.count)
    }
  }
}

extension EncoderModel {
  /// Classifies `examples` at theta by the label words' logits at the mask, some at a time: no more tokens in a pass than
  /// `tokensAtOnce`, or one example.
  public func classify(
    _ examples: [EncodedMaskedExample], labelWords: [Int], at theta: borrowing ParameterStore, tokensAtOnce: Int = 1024
  ) throws(InputError) -> ClassificationResult {
    try classify(
      examples.grouped(tokensAtOnce) { $0.tokens.count }.map { EncoderScores($0, labelWords: labelWords) }, at: theta)
  }

  /// Classifies `examples` at theta by the label head, some at a time: no more tokens in a pass than `tokensAtOnce`, or
  /// one example.
  public func classify(
    _ examples: [EncodedSentence], at theta: borrowing ParameterStore, tokensAtOnce: Int = 1024
  ) throws(InputError) -> ClassificationResult {
    try classify(
      examples.grouped(tokensAtOnce) { $0.tokens.count }.map { EncoderScores($0, classes: classes) }, at: theta)
  }

  private func classify(
    _ groups: [EncoderScores], at theta: borrowing ParameterStore
  ) throws(InputError) -> ClassificationResult {
    var scores: [[Double]] = []
    for group in groups { scores += try group.evaluate(self, at: theta)[0] }
    return ClassificationResult(scores, labels: groups.flatMap(\.labels))
  }
}

extension Array {
  /// Cut into runs whose `size` adds up to at most `limit`, or that are a single element.
  func grouped(_ limit: Int, by size: (Element) -> Int) -> [[Element]] {
    var groups: [[Element]] = []
    var total = 0
    for element in self {
      let count = size(element)
      if groups.isEmpty || total + count > limit {
        groups.append([])
        total = 0
      }
      groups[groups.count - 1].append(element)
      total += count
    }
    return groups
  }
}
