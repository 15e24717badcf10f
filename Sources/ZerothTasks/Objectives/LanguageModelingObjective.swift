import Zeroth
import ZerothModels

/// The mean next-token loss over the scored tokens of a mini-batch of sequences.
public final class LanguageModelingObjective: Objective {
  /// A token outside the vocabulary or a sequence longer than the model's context.
  public typealias Failure = InputError

  /// A sequence, of whose tokens those from `scored` on count in the loss.
  public struct Sequence: Sendable {
    /// The tokens.
    public let tokens: [Int]
    /// The first token that counts, at least 1.
    public let scored: Int

    /// `tokens`, all but the first of which count, or those from `scored` on.
    public init(_ tokens: [Int], scored: Int = 1) {
      self.tokens = tokens
      self.scored = max(1, scored)
    }

    /// The prompt and the right candidate of `example`, of which the candidate's tokens count.
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
  /// What the model read out last: memory for the next time.
  private var logs: [Double] = []

  /// The objective on mini-batches that `sampler` draws from `sequences`.
  public init(_ model: CausalModel, _ sequences: [Sequence], _ sampler: BatchSampler) {
    self.model = model
    self.sequences = sequences
    self.sampler = sampler
  }

  /// Lays out the sequences that the sampler gives for this step and draw, unless they are laid out already.
  private func layOut(_ batch: Batch) {
    guard batch != current else { return }
    current = batch
    tokens.removeAll()
    rows.removeAll(keepingCapacity: true)
    targets.removeAll(keepingCapacity: true)
    for index in sampler.draw(step: batch.step, draw: batch.draw) {
      let sequence = sequences[index]
      let placed = tokens.append(sequence.tokens).rows
      rows += placed.dropLast().dropFirst(sequence.scored - 1)
      targets += sequence.tokens.dropFirst(sequence.scored)
    }
  }

  /// The mean loss at theta on `batch`.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Double {
    try means(at: theta, along: nil, offsets: [0], on: batch)[0]
  }

  /// The mean losses at theta + offsets[i] D on `batch`, in one pass that writes no weight.
  public func losses<D: Direction>(
    along direction: D, at offsets: Few<Float>, from theta: borrowing ParameterStore, on batch: Batch
  ) throws(InputError) -> Few<Double> {
    try means(at: theta, along: direction, offsets: offsets, on: batch)
  }

  private func means(
    at theta: borrowing ParameterStore, along direction: (any Direction)?, offsets: Few<Float>, on batch: Batch
  ) throws(InputError) -> Few<Double> {
    layOut(batch)
    try model.evaluate(
      tokens, .logProbabilities(rows: rows, targets: targets), at: theta, along: direction, offsets: offsets,
      into: &logs
    )
    let count = logs.count / offsets.count
    return offsets.indices.reduce(into: Few<Double>()) { means, v in
      means.append(-logs[(v * count)..<((v + 1) * count)].reduce(0, +) / Double(count))
    }
  }
}
