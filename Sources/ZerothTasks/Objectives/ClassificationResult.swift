/// What a model answers on a set of examples.
public struct ClassificationResult: Sendable {
  /// For each example, the log-probability of each candidate among the candidates: the log-softmax of their scores.
  public let scores: [[Double]]
  /// The candidate of each example with the highest score, the first of equals; nil where a score is not finite, as those of a
  /// model that has diverged are. No answer is a wrong one.
  public let predictions: [Int?]
  /// The true candidate of each example.
  public let labels: [Int]
  /// The mean cross-entropy over the candidates.
  public let loss: Double

  /// The result of the scores `raw`, of any scale that a softmax takes.
  init(_ raw: [[Double]], labels: [Int]) {
    self.init(
      scores: raw.map { scores in scores.indices.map { -CandidateScores.crossEntropy(scores[...], label: $0) } },
      predictions: raw.map { CandidateScores.prediction($0[...]) }, labels: labels)
  }

  /// The result of log-probabilities and predictions that are known.
  init(scores: [[Double]], predictions: [Int?], labels: [Int]) {
    self.scores = scores
    self.predictions = predictions
    self.labels = labels
    loss = zip(scores, labels).reduce(0) { $0 - $1.0[$1.1] } / Double(max(1, labels.count))
  }

  /// How many examples have no answer.
  public var unanswered: Int { predictions.count { $0 == nil } }

  /// The part that was predicted right.
  public var accuracy: Double {
    Double(zip(predictions, labels).filter(==).count) / Double(max(1, labels.count))
  }
}
