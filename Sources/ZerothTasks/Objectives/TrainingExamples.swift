import Zeroth

/// The examples of a training set in the tokens that a model is asked, with what is minimised on them.
public struct TrainingExamples {
  /// For each example, what had to go for its prompt to fit.
  public let cuts: [PromptCut]
  /// The mean number of tokens that the model computes for an example, at one point; nil where its own answer adds to them.
  public let meanTokens: Double?
  /// What the rewards of the last step were like, where a reward is maximised.
  public let rewards: RewardNotes?
  /// What each example weighs in the mean over a mini-batch, such as the tokens that count; nil where all weigh the same.
  private let units: [Int]?
  private let makeObjective: (BatchSampler) -> any Objective

  /// Examples of which `cuts` were left out and for each of which so many `tokens` are computed, on whose mini-batches
  /// `makeObjective` gives what is minimised: a mean in which an example weighs its `units`.
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

  /// What is minimised, on mini-batches of `batch` examples that `seed` draws; with a `part`, on these examples of each alone,
  /// counted in the order in which they are drawn.
  ///
  /// Throws `InputError` where there are no examples, or none in a mini-batch.
  public func objective(batch: Int, seed: UInt64, part: Range<Int>? = nil) throws(InputError) -> any Objective {
    let sampler = try sampler(batch: batch, seed: seed)
    return makeObjective(part.map(sampler.drawing) ?? sampler)
  }

  /// The mini-batches of `batch` examples that `seed` draws. Throws `InputError` as `objective` does.
  public func sampler(batch: Int, seed: UInt64) throws(InputError) -> BatchSampler {
    try BatchSampler(count: count, size: batch, seed: seed)
  }

  /// What the examples number `indices` weigh together in the mean over a mini-batch.
  public func units(of indices: some Sequence<Int>) -> Int { indices.reduce(0) { $0 + (units?[$1] ?? 1) } }
}
