import Zeroth
import ZerothModels

/// What a model answers on a set of examples.
public struct ClassificationResult: Sendable {
  /// The predicted candidate of each example.
  public let predictions: [Int]
  /// The true candidate of each example.
  public let labels: [Int]
  /// The mean cross-entropy over the candidates.
  public let loss: Double

  /// The part that was predicted right.
  public var accuracy: Double {
    Double(zip(predictions, labels).filter(==).count) / Double(max(1, labels.count))
  }
}

extension CausalModel {
  /// Classifies `examples` at theta, some at a time: no more tokens in a pass than `tokensAtOnce`, or one example.
  public func classify(
    _ examples: [EncodedExample], at theta: borrowing ParameterStore, tokensAtOnce: Int = 1024
  ) throws(InputError) -> ClassificationResult {
    var predictions: [Int] = []
    var loss = 0.0
    var next = 0
    while next < examples.count {
      var group: [EncodedExample] = []
      var tokens = 0
      while next < examples.count {
        let example = examples[next]
        let count = example.prompt.count + example.candidates.reduce(0) { $0 + $1.count - 1 }
        guard group.isEmpty || tokens + count <= tokensAtOnce else { break }
        group.append(example)
        tokens += count
        next += 1
      }
      for (scores, example) in zip(try CandidateScores(group).evaluate(self, at: theta)[0], group) {
        predictions.append(CandidateScores.prediction(scores))
        loss += CandidateScores.crossEntropy(scores, label: example.label)
      }
    }
    return ClassificationResult(
      predictions: predictions, labels: examples.map(\.label), loss: loss / Double(max(1, examples.count)))
  }
}
