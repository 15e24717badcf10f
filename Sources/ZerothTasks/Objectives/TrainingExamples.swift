import Zeroth

/// The examples of a training set in the tokens that a model is asked, with what is minimised on them.
public struct TrainingExamples {
  /// For each example, what had to go for its prompt to fit.
  public let cuts: [PromptCut]
  private let makeObjective: (BatchSampler) -> any Objective

  /// Examples of which `cuts` were left out, on whose mini-batches `makeObjective` gives what is minimised.
  init(cuts: [PromptCut], _ makeObjective: @escaping (BatchSampler) -> any Objective) {
    self.cuts = cuts
    self.makeObjective = makeObjective
  }

  /// How many there are.
  public var count: Int { cuts.count }

  /// What is minimised, on mini-batches of `batch` examples that `seed` draws.
  ///
  /// Throws `InputError` where there are no examples, or none in a mini-batch.
  public func objective(batch: Int, seed: UInt64) throws(InputError) -> any Objective {
    makeObjective(try BatchSampler(count: count, size: batch, seed: seed))
  }
}
