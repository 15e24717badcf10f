import Zeroth
import ZerothModels

/// Examples that are laid out for one forward pass. A mini-batch keeps it from step to step, because a step must not
/// allocate memory.
public struct ScoredPass: Sendable {
  /// The tokens of the examples.
  public var batch = TokenBatch()
  /// The rows at which the model computes values, where its readout names rows.
  public var rows: [Int] = []
  /// The tokens that are scored there: one for each row, or the same tokens for all rows.
  public var targets: [Int] = []
  /// Whether all rows are scored for the same tokens, by their logits.
  var areLogits = false
  /// The values that the model computed last.
  public var values: [Double] = []
  /// For each candidate, example after example, the range of the values whose mean is its score.
  public private(set) var places: [Range<Int>] = []
  /// For each example, the range of its candidates.
  public private(set) var examples: [Range<Int>] = []

  /// Nothing laid out.
  public init() {}

  /// Removes all examples. Their memory is kept.
  public mutating func removeAll() {
    batch.removeAll()
    rows.removeAll(keepingCapacity: true)
    targets.removeAll(keepingCapacity: true)
    places.removeAll(keepingCapacity: true)
    examples.removeAll(keepingCapacity: true)
  }

  /// Begins an example. Its candidates are then added.
  public mutating func appendExample() { examples.append(places.count..<places.count) }

  /// Adds a candidate to the last example. Its score is the mean of the values in `place`.
  public mutating func appendCandidate(at place: Range<Int>) {
    places.append(place)
    examples[examples.count - 1] = examples[examples.count - 1].lowerBound..<places.count
  }

  /// Adds an example of `classes` candidates, each scored by a value of its own. These values come behind the present
  /// ones.
  public mutating func appendExample(classes: Int) {
    appendExample()
    for _ in 0..<classes { appendCandidate(at: places.count..<(places.count + 1)) }
  }

  /// Adds an example whose candidates are scored by values behind the present ones, in the order of `readOuts`.
  mutating func appendExample(readOuts: [Int]) {
    let first = places.count
    appendExample()
    for place in readOuts { appendCandidate(at: (first + place)..<(first + place + 1)) }
  }

  /// Throws `InputError` unless the label of each of the examples `indices`, which are laid out, is one of its
  /// candidates.
  func requireLabels(_ labels: [Int], of indices: [Int]) throws(InputError) {
    for (index, candidates) in zip(indices, examples) where !(0..<candidates.count).contains(labels[index]) {
      throw InputError(
        "label", found: "\(labels[index])", expected: "one below \(candidates.count), the number of classes")
    }
  }

  /// Appends the scores of all candidates in order, for each of the `points` points of which `values` are.
  func appendScores(points: Int, to scores: inout [Double]) {
    let count = values.count / points
    for v in 0..<points {
      for place in places {
        scores.append(place.reduce(0) { $0 + values[v * count + $1] } / Double(place.count))
      }
    }
  }
}
