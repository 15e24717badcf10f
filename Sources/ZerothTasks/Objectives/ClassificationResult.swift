/// The answers of a model on a set of examples with candidates.
public struct ClassificationResult: Sendable {
  /// For each example the log-probabilities of its candidates: the log-softmax of their scores.
  public let scores: [[Double]]
  /// For each example the candidate with the highest score, and among equals the first. Nil where a score is not
  /// finite, as in a model that has diverged; nil counts as a wrong answer.
  public let predictions: [Int?]
  /// The true candidate of each example.
  public let labels: [Int]
  /// The mean cross-entropy of the true candidates.
  public let loss: Double

  /// The result for the scores `raw`, from which a softmax gives the probabilities.
  init(_ raw: [[Double]], labels: [Int]) {
    self.init(
      scores: raw.map { scores in scores.indices.map { -CandidateScores.crossEntropy(scores[...], label: $0) } },
      predictions: raw.map { CandidateScores.prediction($0[...]) }, labels: labels)
  }

  /// A result with known log-probabilities and predictions.
  init(scores: [[Double]], predictions: [Int?], labels: [Int]) {
    self.scores = scores
    self.predictions = predictions
    self.labels = labels
    loss = zip(scores, labels).reduce(0) { $0 - $1.0[$1.1] } / Double(max(1, labels.count))
  }

  /// The number of examples without an answer.
  public var unanswered: Int { predictions.count { $0 == nil } }

  /// The share of right predictions.
  public var accuracy: Double {
    Double(zip(predictions, labels).filter(==).count) / Double(max(1, labels.count))
  }
}
