/// Counts of the predicted class for each true class, and the measures that follow from them.
public struct ClassificationScore: Sendable, Hashable {
  /// `confusion[label][prediction]`: how many examples of class `label` were given the class `prediction`.
  public private(set) var confusion: [[Int]]
  /// How many examples of each class have no prediction. They count as wrong.
  public private(set) var unanswered: [Int]

  /// Counts for `classes` classes, without an example yet.
  public init(classes: Int) {
    confusion = Array(repeating: Array(repeating: 0, count: classes), count: classes)
    unanswered = Array(repeating: 0, count: classes)
  }

  /// The counts of `predictions` for `labels`. Both are indices below `classes`; nil is no prediction.
  public init(classes: Int, predictions: [Int?], labels: [Int]) {
    self.init(classes: classes)
    for (prediction, label) in zip(predictions, labels) { add(prediction: prediction, label: label) }
  }

  /// Adds one example.
  public mutating func add(prediction: Int?, label: Int) {
    if let prediction { confusion[label][prediction] += 1 } else { unanswered[label] += 1 }
  }

  /// The number of examples.
  public var count: Int { confusion.indices.reduce(0) { $0 + count(of: $1) } }

  /// The number of examples of class `label`.
  private func count(of label: Int) -> Int { confusion[label].reduce(unanswered[label], +) }

  /// The share of examples with the right prediction; 0 without examples.
  public var accuracy: Double {
    Self.ratio(confusion.indices.reduce(0) { $0 + confusion[$1][$1] }, count)
  }

  /// For each class, the share of its examples with the right prediction; nil for a class without examples.
  public var perClassAccuracy: [Double?] {
    confusion.indices.map { label in
      let count = count(of: label)
      return count == 0 ? nil : Self.ratio(confusion[label][label], count)
    }
  }

  /// F1 of one class, the harmonic mean of its precision and recall: 2 TP / (2 TP + FP + FN); 0 where that is 0 / 0.
  public func f1(of positive: Int) -> Double {
    let hits = confusion[positive][positive]
    let labelled = count(of: positive)
    let predicted = confusion.reduce(0) { $0 + $1[positive] }
    return Self.ratio(2 * hits, labelled + predicted)
  }

  /// The mean of the F1 of all classes.
  public var macroF1: Double {
    confusion.isEmpty ? 0 : confusion.indices.map(f1(of:)).reduce(0, +) / Double(confusion.count)
  }

  /// The value of a metric for classification; nil for other metrics.
  public func value(of metric: Metric) -> Double? {
    switch metric {
    case .accuracy: accuracy
    case .f1: confusion.isEmpty ? nil : f1(of: confusion.count - 1)
    case .macroF1: macroF1
    case .answerF1, .exactMatch, .perplexity, .bitsPerByte, .reward: nil
    }
  }

  private static func ratio(_ part: Int, _ whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }
}
