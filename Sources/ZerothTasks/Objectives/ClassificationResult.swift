import Zeroth
import ZerothModels

/// What a model answers on a set of examples.
public struct ClassificationResult: Sendable {
  /// For each example, the log-probability of each candidate among the candidates: the log-softmax of their scores.
  public let scores: [[Double]]
  /// The candidate of each example with the highest score, the first of equals.
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
    var all: [[Double]] = []
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
      for scores in try CandidateScores(group).evaluate(self, at: theta)[0] {
        predictions.append(CandidateScores.prediction(scores))
        all.append(scores.indices.map { -CandidateScores.crossEntropy(scores, label: $0) })
      }
    }
    let labels = examples.map(\.label)
    return ClassificationResult(
      scores: all, predictions: predictions, labels: labels,
      loss: zip(all, labels).reduce(0) { $0 - $1.0[$1.1] } / Double(max(1, examples.count)))
  }
}
