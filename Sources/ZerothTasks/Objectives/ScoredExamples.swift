import Foundation
import Zeroth
import ZerothModels

/// The examples of a split, as tokens for a model.
public protocol EncodedExamples {
  /// For each example, what was left out of its prompt so that it fits.
  var cuts: [PromptCut] { get }
  /// The model's answers at theta.
  func answers(at theta: borrowing ParameterStore) throws(InputError) -> TaskResult.Answers
  /// The examples in `range`, whose answers are the same as in the whole set. Nil where examples can be answered only
  /// all together, which is the default.
  func part(_ range: Range<Int>) -> (any EncodedExamples)?
}

extension EncodedExamples {
  /// Nil.
  public func part(_ range: Range<Int>) -> (any EncodedExamples)? { nil }
}

/// Examples whose candidates are scored by a model. Every kind of model is trained and measured on classification in
/// this form.
public protocol ScoredExamples: EncodedExamples {
  /// The index of the right candidate of each example.
  var labels: [Int] { get }
  /// The number of tokens that the model computes for each example.
  var tokenCounts: [Int] { get }
  /// Lays out the examples at `indices` in `pass`, replacing those that it has.
  func layOut(_ indices: [Int], in pass: inout ScoredPass)
  /// Computes the scores of the candidates in `pass` at each of `points`, without writing a weight. They are put into
  /// `pass.values`. The softmax of the scores of an example gives the probabilities of its candidates.
  ///
  /// Throws `InputError` for a token outside the vocabulary or a sequence longer than the model's context.
  func readOut(
    _ pass: inout ScoredPass, from theta: borrowing ParameterStore, at points: Points
  ) throws(InputError)
  /// Computes the values from which the candidates in `pass` are scored at theta, and puts them into `pass.values`.
  /// Adds the gradient of sum_i a_i values_i by the trainable blocks to `gradient`, where the a_i are the `adjoints` of
  /// the values. By default it throws `InputError`.
  func addGradient(
    _ pass: inout ScoredPass, at theta: borrowing ParameterStore, to gradient: inout StoredVector,
    adjoints: (inout ScoredPass) throws(InputError) -> [Double]
  ) throws(InputError)
}

extension ScoredExamples {
  /// Throws `InputError`: by default, a type of examples has no gradient.
  public func addGradient(
    _ pass: inout ScoredPass, at theta: borrowing ParameterStore, to gradient: inout StoredVector,
    adjoints: (inout ScoredPass) throws(InputError) -> [Double]
  ) throws(InputError) {
    throw InputError("\(Self.self)", found: "examples that give values alone", expected: "examples with a gradient")
  }

  /// The scores of the candidates, and what they predict.
  public func answers(at theta: borrowing ParameterStore) throws(InputError) -> TaskResult.Answers {
    .candidates(try classify(at: theta))
  }

  /// Classifies all examples at theta, some at a time. A pass has at most `tokensAtOnce` tokens, or a single example.
  public func classify(
    at theta: borrowing ParameterStore, tokensAtOnce: Int = 1024
  ) throws(InputError) -> ClassificationResult {
    let labels = labels
    var pass = ScoredPass()
    var all: [[Double]] = []
    for group in groups(of: tokensAtOnce) {
      layOut(group, in: &pass)
      try pass.requireLabels(labels, of: group)
      try readOut(&pass, from: theta, at: .theta)
      var scores: [Double] = []
      pass.appendScores(points: 1, to: &scores)
      for candidates in pass.examples { all.append(Array(scores[candidates])) }
    }
    return ClassificationResult(all, labels: labels)
  }

  /// The examples in groups whose tokens add up to at most `limit`, or that have a single example.
  private func groups(of limit: Int) -> [[Int]] {
    var groups: [[Int]] = []
    var total = 0
    for (index, count) in tokenCounts.enumerated() {
      if groups.isEmpty || total + count > limit {
        groups.append([])
        total = 0
      }
      groups[groups.count - 1].append(index)
      total += count
    }
    return groups
  }
}

/// Quantities that are computed from the scores of an example's candidates.
enum CandidateScores {
  /// The cross-entropy -log softmax(scores)[label], in double; NaN where a score is NaN.
  static func crossEntropy(_ scores: ArraySlice<Double>, label: Int) -> Double {
    let top = scores.max() ?? 0
    guard top.isFinite else { return .nan }
    return log(scores.reduce(0) { $0 + exp($1 - top) }) - (scores[scores.startIndex + label] - top)
  }

  /// The derivatives of `crossEntropy` by the scores: softmax(scores), minus 1 at the label.
  static func crossEntropySlopes(_ scores: ArraySlice<Double>, label: Int) -> [Double] {
    let loss = { crossEntropy(scores, label: $0) }
    return scores.indices.map { i in
      let place = i - scores.startIndex
      return exp(-loss(place)) - (place == label ? 1 : 0)
    }
  }

  /// The candidate with the highest score, and among equals the first; nil where a score is not finite.
  static func prediction(_ scores: ArraySlice<Double>) -> Int? {
    guard scores.allSatisfy(\.isFinite) else { return nil }
    let best = scores.indices.dropFirst().reduce(scores.startIndex) { scores[$1] > scores[$0] ? $1 : $0 }
    return best - scores.startIndex
  }
}
