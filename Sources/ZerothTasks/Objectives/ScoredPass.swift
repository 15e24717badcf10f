import Zeroth
import ZerothModels

/// Examples laid out for one forward pass. A mini-batch keeps it from step to step, as a step is to allocate nothing.
public struct ScoredPass: Sendable {
  /// The examples' tokens.
  public var batch = TokenBatch()
  /// The rows that are read out, where a readout names rows.
  public var rows: [Int] = []
  /// What is read out there: a token for each row, or the same ones for all.
  public var targets: [Int] = []
  /// Whether every row is read out for the same tokens, by their logits.
  var areLogits = false
  /// What the model read out last.
  public var values: [Double] = []
  /// For each candidate of each example in their order, the read-outs whose mean is its score.
  public private(set) var places: [Range<Int>] = []
  /// For each example, which of the candidates are its.
  public private(set) var examples: [Range<Int>] = []

  /// Nothing laid out.
  public init() {}

  /// Removes all examples; their memory stays.
  public mutating func removeAll() {
    batch.removeAll()
    rows.removeAll(keepingCapacity: true)
    targets.removeAll(keepingCapacity: true)
    places.removeAll(keepingCapacity: true)
    examples.removeAll(keepingCapacity: true)
  }

  /// Begins an example, whose candidates follow.
  public mutating func appendExample() { examples.append(places.count..<places.count) }

  /// Adds a candidate to the last example, scored by the mean of the read-outs in `place`.
  public mutating func appendCandidate(at place: Range<Int>) {
    places.append(place)
    examples[examples.count - 1] = examples[examples.count - 1].lowerBound..<places.count
  }

  /// Begins an example of `classes` candidates, each a read-out of its own behind those that are there.
  public mutating func appendExample(classes: Int) {
    appendExample()
    for _ in 0..<classes { appendCandidate(at: places.count..<(places.count + 1)) }
  }

  /// Begins an example whose candidates are those of the read-outs behind those that are there, in the order of `readOuts`.
  mutating func appendExample(readOuts: [Int]) {
    let first = places.count
    appendExample()
    for place in readOuts { appendCandidate(at: (first + place)..<(first + place + 1)) }
  }

  /// Throws `InputError` unless the label of each of the examples `indices`, which are laid out, is one of its candidates.
  func requireLabels(_ labels: [Int], of indices: [Int]) throws(InputError) {
    for (index, candidates) in zip(indices, examples) where !(0..<candidates.count).contains(labels[index]) {
      throw InputError(
        "label", found: "\(labels[index])", expected: "one below \(candidates.count), the number of classes")
    }
  }

  /// Appends, for each of the `points` points that `values` are of, the scores of all candidates in their order.
  func appendScores(points: Int, to scores: inout [Double]) {
    let count = values.count / points
    for v in 0..<points {
      for place in places {
        scores.append(place.reduce(0) { $0 + values[v * count + $1] } / Double(place.count))
      }
    }
  }
}
