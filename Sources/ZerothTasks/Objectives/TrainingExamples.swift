import Zeroth

/// The examples of a training set as tokens for a model, together with what is minimised on them.
public struct TrainingExamples {
  /// For each example, what was left out of its prompt so that it fits.
  public let cuts: [PromptCut]
  /// The mean number of tokens that the model computes for an example at one point. Nil where the model's own answer
  /// adds to them.
  public let meanTokens: Double?
  /// Notes of the rewards of the last step, where a reward is maximised; else nil.
  public let rewards: RewardNotes?
  /// The weight of each example in the mean over a mini-batch, such as the number of tokens that count; nil where all
  /// weights are equal.
  private let units: [Int]?
  private let makeObjective: (BatchSampler) -> any Objective

  /// Examples with the `cuts` of their prompts and the numbers `tokens` of computed tokens. `makeObjective` gives what
  /// is minimised on their mini-batches: a mean in which each example has the weight `units`.
  init(
    cuts: [PromptCut], tokens: [Int]?, units: [Int]? = nil, rewards: RewardNotes? = nil,
    _ makeObjective: @escaping (BatchSampler) -> any Objective
  ) {
    self.cuts = cuts
    self.units = units
    self.rewards = rewards
    meanTokens = tokens.flatMap { $0.isEmpty ? nil : Double($0.reduce(0, +)) / Double($0.count) }
    self.makeObjective = makeObjective
  }

  /// How many there are.
  public var count: Int { cuts.count }

  /// What is minimised, on mini-batches of `batch` examples that are drawn by `seed`. With `part` it uses only the
  /// examples at these positions of each mini-batch, in the order in which they are drawn.
  ///
  /// Throws `InputError` where there are no examples, and where a mini-batch would have none.
  public func objective(batch: Int, seed: UInt64, part: Range<Int>? = nil) throws(InputError) -> any Objective {
    let sampler = try sampler(batch: batch, seed: seed)
    return makeObjective(part.map(sampler.drawing) ?? sampler)
  }

  /// The mini-batches of `batch` examples that are drawn by `seed`. Throws `InputError` in the same cases as
  /// `objective`.
  public func sampler(batch: Int, seed: UInt64) throws(InputError) -> BatchSampler {
    try BatchSampler(count: count, size: batch, seed: seed)
  }

  /// The sum of the weights of the examples `indices` in the mean over a mini-batch.
  public func units(of indices: some Sequence<Int>) -> Int { indices.reduce(0) { $0 + (units?[$1] ?? 1) } }
}
