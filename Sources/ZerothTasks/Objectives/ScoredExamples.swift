import Foundation
import Zeroth
import ZerothModels

/// The examples of a split in the tokens that a model is asked.
public protocol EncodedExamples {
  /// For each example, what had to go for its prompt to fit.
  var cuts: [PromptCut] { get }
  /// The model's answers at theta.
  func answers(at theta: borrowing ParameterStore) throws(InputError) -> TaskResult.Answers
  /// The examples in `range`, which are answered alike; nil for examples that are answered together alone, as by default.
  func part(_ range: Range<Int>) -> (any EncodedExamples)?
}

extension EncodedExamples {
  /// Nil.
  public func part(_ range: Range<Int>) -> (any EncodedExamples)? { nil }
}

/// Examples whose candidates a model scores: what classification is trained and measured on, whatever the model.
public protocol ScoredExamples: EncodedExamples {
  /// The index of the right candidate of each example.
  var labels: [Int] { get }
  /// The tokens that the model computes for each example.
  var tokenCounts: [Int] { get }
  /// Lays out the examples at `indices`, in place of those that are in `pass`.
  func layOut(_ indices: [Int], in pass: inout ScoredPass)
  /// Reads out, into `pass.values`, what the examples of `pass` are scored by at each of `points`, without writing a
  /// weight. A softmax over an example's scores gives its probabilities.
  ///
  /// Throws `InputError` for a token outside the vocabulary or a sequence longer than the model's context.
  func readOut(
    _ pass: inout ScoredPass, from theta: borrowing ParameterStore, at points: Points
  ) throws(InputError)
  /// Reads out, into `pass.values`, what the examples of `pass` are scored by at theta, and adds the gradient of sum_i a_i
  /// values_i by the trainable blocks to `gradient`, where a are the `adjoints` of the values. By default throws `InputError`.
  func addGradient(
    _ pass: inout ScoredPass, at theta: borrowing ParameterStore, to gradient: inout StoredVector,
    adjoints: (inout ScoredPass) throws(InputError) -> [Double]
  ) throws(InputError)
}

extension ScoredExamples {
  /// Throws: examples of one's own have a gradient if they say so.
  public func addGradient(
    _ pass: inout ScoredPass, at theta: borrowing ParameterStore, to gradient: inout StoredVector,
    adjoints: (inout ScoredPass) throws(InputError) -> [Double]
  ) throws(InputError) {
    throw InputError("\(Self.self)", found: "examples that give values alone", expected: "examples with a gradient")
  }

  /// The candidates' scores and what they predict.
  public func answers(at theta: borrowing ParameterStore) throws(InputError) -> TaskResult.Answers {
    .candidates(try classify(at: theta))
  }

  /// Classifies all examples at theta, some at a time: no more tokens in a pass than `tokensAtOnce`, or one example.
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

  /// The examples in runs whose tokens add up to at most `limit`, or that are a single example.
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

/// What follows from the scores of an example's candidates.
enum CandidateScores {
  /// -log softmax(scores)[label], in double; NaN where a score is.
  static func crossEntropy(_ scores: ArraySlice<Double>, label: Int) -> Double {
    let top = scores.max() ?? 0
    guard top.isFinite else { return .nan }
    return log(scores.reduce(0) { $0 + exp($1 - top) }) - (scores[scores.startIndex + label] - top)
  }

  /// The derivatives of `crossEntropy` by the scores: softmax(scores), less 1 at the label.
  static func crossEntropySlopes(_ scores: ArraySlice<Double>, label: Int) -> [Double] {
    let loss = { crossEntropy(scores, label: $0) }
    return scores.indices.map { i in
      let place = i - scores.startIndex
      return exp(-loss(place)) - (place == label ? 1 : 0)
    }
  }

  /// The candidate with the highest score, the first of equals; nil where a score is not finite.
  static func prediction(_ scores: ArraySlice<Double>) -> Int? {
    guard scores.allSatisfy(\.isFinite) else { return nil }
    let best = scores.indices.dropFirst().reduce(scores.startIndex) { scores[$1] > scores[$0] ? $1 : $0 }
    return best - scores.startIndex
  }
}
