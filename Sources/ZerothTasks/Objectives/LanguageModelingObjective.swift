import Zeroth
import ZerothModels

/// The mean next-token loss over the scored tokens of a mini-batch of sequences.
public final class LanguageModelingObjective: DifferentiableObjective {
  /// The error for a token outside the vocabulary and for a sequence longer than the model's context.
  public typealias Failure = InputError

  /// A sequence of tokens, some of which count in the loss.
  public struct Sequence: Sendable, Hashable {
    /// The tokens.
    public let tokens: [Int]
    /// The ranges of the tokens that count, in order. The first token of a sequence never counts, because nothing
    /// stands in front of it.
    public let scored: [Range<Int>]

    /// The sequence `tokens`, where the tokens from `scored` on count; by default all but the first.
    public init(_ tokens: [Int], scored: Int = 1) {
      let first = max(1, scored)
      self.init(tokens, scored: [first..<max(first, tokens.count)])
    }

    /// The sequence `tokens`, where those in `scored` count.
    public init(_ tokens: [Int], scored: [Range<Int>]) {
      self.tokens = tokens
      self.scored = scored.map { $0.clamped(to: min(1, tokens.count)..<max(1, tokens.count)) }.filter { !$0.isEmpty }
    }

    /// The number of tokens that count.
    public var scoredCount: Int { scored.reduce(0) { $0 + $1.count } }

    /// The prompt and the right candidate of `example`. The tokens of the candidate count.
    public init(_ example: EncodedExample) {
      self.init(example.prompt + example.candidates[example.label], scored: example.prompt.count)
    }
  }

  private let model: CausalModel
  private let sequences: [Sequence]
  private var sampler: BatchSampler
  /// The mini-batch that is laid out; nil before the first.
  private var current: Batch?
  private var tokens = TokenBatch()
  private var rows: [Int] = []
  private var targets: [Int] = []
  /// For each sequence the range of its scored tokens among those of all sequences.
  private var places: [Range<Int>] = []
  /// The log-probabilities that the model computed last. The memory is used again.
  private var logs: [Double] = []

  /// The objective on mini-batches that `sampler` draws from `sequences`.
  public init(_ model: CausalModel, _ sequences: [Sequence], _ sampler: BatchSampler) {
    self.model = model
    self.sequences = sequences
    self.sampler = sampler
  }

  /// Lays out the sequences that the sampler chooses for this step and draw, unless they are laid out already.
  private func layOut(_ batch: Batch) {
    guard batch != current else { return }
    current = batch
    tokens.removeAll()
    rows.removeAll(keepingCapacity: true)
    targets.removeAll(keepingCapacity: true)
    places.removeAll(keepingCapacity: true)
    for index in sampler.draw(step: batch.step, draw: batch.draw) {
      let sequence = sequences[index]
      places.append(targets.count..<(targets.count + sequence.scoredCount))
      tokens.append(sequence, rows: &rows, targets: &targets)
    }
  }

  /// The mean loss of a token at theta over `batch`.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Double {
    try losses(at: .theta, from: theta, on: batch)[0]
  }

  /// The loss of each sequence of `batch`: the sum over its scored tokens, times the number of sequences, divided by
  /// the number of scored tokens in the mini-batch. So the mean over the sequences equals the mean over the tokens.
  public func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Few<Double> {
    try losses(at: .theta, from: theta, on: batch, grain: .example)
  }

  /// The losses at each of `points`, computed without writing a weight.
  public func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) throws(InputError) -> Few<Double> {
    layOut(batch)
    try model.evaluate(
      tokens, .logProbabilities(rows: rows, targets: targets), from: theta, at: points, into: &logs)
    let count = logs.count / points.count
    var losses: Few<Double> = []
    for v in points.indices {
      let logs = logs[(v * count)..<((v + 1) * count)]
      switch grain {
      case .batch: losses.append(-logs.reduce(0, +) / Double(count))
      case .example:
        let weight = Double(places.count) / Double(count)
        for place in places {
          losses.append(-weight * logs[(v * count + place.lowerBound)..<(v * count + place.upperBound)].reduce(0, +))
        }
      }
    }
    return losses
  }

  /// The loss of each sequence of `batch` along its own direction, one sequence at a time.
  public func losses<D: ExampleDirections>(
    ofExamplesAlong directions: D, at offsets: Few<Float>, from theta: borrowing ParameterStore, on batch: Batch
  ) throws(InputError) -> Few<Double> {
    layOut(batch)
    let weight = Double(places.count) / Double(targets.count)
    var found = [Double](repeating: 0, count: offsets.count * places.count)
    var (alone, rows, targets) = (TokenBatch(), [Int](), [Int]())
    for (example, index) in sampler.draw(step: batch.step, draw: batch.draw).enumerated() {
      alone.removeAll()
      rows.removeAll(keepingCapacity: true)
      targets.removeAll(keepingCapacity: true)
      alone.append(sequences[index], rows: &rows, targets: &targets)
      try model.evaluate(
        alone, .logProbabilities(rows: rows, targets: targets), from: theta,
        at: Points(along: directions.direction(of: example), at: offsets), into: &logs)
      for v in 0..<offsets.count {
        let own = logs[(v * rows.count)..<((v + 1) * rows.count)]
        found[v * places.count + example] = -weight * own.reduce(0, +)
      }
    }
    return Few(found)
  }

  /// The mean loss of `batch` and its gradient.
  public func gradient(
    at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector
  ) throws(InputError) -> Double {
    layOut(batch)
    gradient.clear()
    var loss = 0.0
    try model.addGradient(
      of: .logProbabilities(rows: rows, targets: targets), tokens, at: theta, to: &gradient
    ) { logs in
      loss = -logs.reduce(0, +) / Double(logs.count)
      return logs.map { _ in -1 / Double(logs.count) }
    }
    return loss
  }

  /// The mean loss of `batch` and its derivative along `direction`, by forward mode.
  public func derivative<D: Direction>(
    along direction: D, at theta: borrowing ParameterStore, on batch: Batch
  ) throws(InputError) -> DirectionalDerivative {
    layOut(batch)
    try model.evaluate(
      tokens, .logProbabilities(rows: rows, targets: targets), from: theta, at: .tangent(along: direction), into: &logs)
    let count = Double(targets.count)
    return DirectionalDerivative(
      loss: -logs[..<targets.count].reduce(0, +) / count, derivative: -logs[targets.count...].reduce(0, +) / count)
  }
}

extension TokenBatch {
  /// Adds `sequence` to the batch. Appends the rows that predict its scored tokens to `rows`, and these tokens to
  /// `targets`.
  mutating func append(_ sequence: LanguageModelingObjective.Sequence, rows: inout [Int], targets: inout [Int]) {
    let first = append(sequence.tokens).rows.lowerBound
    for range in sequence.scored {
      rows += (first + range.lowerBound - 1)..<(first + range.upperBound - 1)
      targets += sequence.tokens[range]
    }
  }
}
