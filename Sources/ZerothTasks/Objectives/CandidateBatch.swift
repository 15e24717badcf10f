import Zeroth
import ZerothModels

/// The mini-batches of an objective over candidates. The last mini-batch stays laid out, because a step asks for the
/// same one several times.
struct CandidateBatch {
  private let examples: any ScoredExamples
  private let labels: [Int]
  private var sampler: BatchSampler
  /// The mini-batch that is laid out; nil before the first.
  private var current: Batch?
  private var indices: [Int] = []
  private var pass = ScoredPass()
  /// A single example of the mini-batch, laid out alone.
  private var alone = ScoredPass()
  private var scores: [Double] = []

  /// Mini-batches that `sampler` draws from `examples`.
  init(_ examples: any ScoredExamples, _ sampler: BatchSampler) {
    self.examples = examples
    self.sampler = sampler
    labels = examples.labels
  }

  /// Lays out the examples that the sampler chooses for this step and draw, unless they are laid out already.
  private mutating func layOut(_ batch: Batch) {
    guard batch != current else { return }
    current = batch
    indices.removeAll(keepingCapacity: true)
    indices += sampler.draw(step: batch.step, draw: batch.draw)
    examples.layOut(indices, in: &pass)
  }

  /// `loss(scores of the candidates, label)` at each of `points`, point after point: for each example of `batch`, or
  /// the mean over the examples, as `grain` says. No weight is written.
  mutating func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain,
    of loss: (ArraySlice<Double>, Int) -> Double
  ) throws(InputError) -> Few<Double> {
    layOut(batch)
    try pass.requireLabels(labels, of: indices)
    try examples.readOut(&pass, from: theta, at: points)
    scores.removeAll(keepingCapacity: true)
    pass.appendScores(points: points.count, to: &scores)
    let count = pass.places.count
    var losses: Few<Double> = []
    for v in points.indices {
      var sum = 0.0
      for (index, candidates) in zip(indices, pass.examples) {
        let first = v * count + candidates.lowerBound
        let loss = loss(scores[first..<(first + candidates.count)], labels[index])
        if grain == .example { losses.append(loss) } else { sum += loss }
      }
      if grain == .batch { losses.append(sum / Double(indices.count)) }
    }
    return losses
  }

  /// `loss(scores of the candidates, label)` of each example of `batch` along its own direction in `directions`, offset
  /// after offset. Each example is laid out and computed alone.
  mutating func losses<D: ExampleDirections>(
    ofExamplesAlong directions: D, at offsets: Few<Float>, from theta: borrowing ParameterStore, on batch: Batch,
    of loss: (ArraySlice<Double>, Int) -> Double
  ) throws(InputError) -> Few<Double> {
    layOut(batch)
    try pass.requireLabels(labels, of: indices)
    var found = [Double](repeating: 0, count: offsets.count * indices.count)
    for (example, index) in indices.enumerated() {
      examples.layOut([index], in: &alone)
      try examples.readOut(
        &alone, from: theta, at: Points(along: directions.direction(of: example), at: offsets))
      scores.removeAll(keepingCapacity: true)
      alone.appendScores(points: offsets.count, to: &scores)
      let count = scores.count / offsets.count
      for v in 0..<offsets.count {
        found[v * indices.count + example] = loss(scores[(v * count)..<((v + 1) * count)], labels[index])
      }
    }
    return Few(found)
  }

  /// Returns the mean loss of `batch` at theta, and writes its gradient by the trainable blocks to `gradient`.
  mutating func gradient(
    at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector, of loss: CandidateLoss
  ) throws(InputError) -> Double {
    layOut(batch)
    try pass.requireLabels(labels, of: indices)
    gradient.clear()
    var mean = 0.0
    let right = indices.map { labels[$0] }
    try examples.addGradient(&pass, at: theta, to: &gradient) { pass throws(InputError) in
      let (found, adjoints) = Self.adjoints(in: pass, of: loss, right)
      mean = found
      return adjoints
    }
    return mean
  }

  /// The mean loss of `batch` at theta and its derivative along `direction`.
  mutating func derivative(
    along direction: any Direction, at theta: borrowing ParameterStore, on batch: Batch, of loss: CandidateLoss
  ) throws(InputError) -> DirectionalDerivative {
    layOut(batch)
    try pass.requireLabels(labels, of: indices)
    try examples.readOut(&pass, from: theta, at: .tangent(along: direction))
    let count = pass.values.count / 2
    let tangents = pass.values[count...]
    var values = pass
    values.values.removeLast(count)
    let (mean, adjoints) = Self.adjoints(in: values, of: loss, indices.map { labels[$0] })
    return DirectionalDerivative(loss: mean, derivative: zip(adjoints, tangents).reduce(0) { $0 + $1.0 * $1.1 })
  }

  /// The mean loss of the examples in `pass`, whose right candidates are `labels`, and the derivative of this mean by
  /// each of the values that the model computed.
  private static func adjoints(
    in pass: ScoredPass, of loss: CandidateLoss, _ labels: [Int]
  ) -> (mean: Double, adjoints: [Double]) {
    var scores: [Double] = []
    pass.appendScores(points: 1, to: &scores)
    var adjoints = [Double](repeating: 0, count: pass.values.count)
    var sum = 0.0
    for (label, candidates) in zip(labels, pass.examples) {
      let scores = scores[candidates]
      sum += loss.value(scores, label)
      for (candidate, slope) in zip(candidates, loss.slopes?(scores, label) ?? []) {
        let place = pass.places[candidate]
        for i in place { adjoints[i] += slope / (Double(place.count) * Double(labels.count)) }
      }
    }
    return (sum / Double(labels.count), adjoints)
  }
}

/// A loss that depends on the scores of an example's candidates.
struct CandidateLoss: Sendable {
  /// The loss, for the scores and the index of the right candidate.
  let value: @Sendable (ArraySlice<Double>, Int) -> Double
  /// Its derivatives by the scores; nil where it has none.
  let slopes: (@Sendable (ArraySlice<Double>, Int) -> [Double])?
}
