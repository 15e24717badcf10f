import Zeroth
import ZerothModels

/// Minus the mean reward of the answers that a causal model generates to the questions of a mini-batch. It has no
/// gradient, and needs none.
///
/// All points are decoded together, and all their answers are scored at once. Random choices are the same at every
/// point of a request (common random numbers), so a difference of two losses comes from the parameters alone.
public final class RewardObjective: Objective {
  /// The error for a prompt that cannot be asked, and for an answer that cannot be scored.
  public typealias Failure = InputError

  private let questions: RewardedQuestions
  private let notes: RewardNotes
  private var sampler: BatchSampler
  private var current: (batch: Batch, indices: [Int])?

  /// The objective on mini-batches that `sampler` draws from `questions`. `notes` records the rewards.
  public init(_ questions: RewardedQuestions, _ sampler: BatchSampler, _ notes: RewardNotes) {
    self.questions = questions
    self.sampler = sampler
    self.notes = notes
  }

  /// Minus the mean reward at theta on `batch`; NaN where the model's logits are not finite.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Double {
    try losses(at: .theta, from: theta, on: batch)[0]
  }

  /// Minus the reward of each question of `batch` at theta.
  public func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Few<Double> {
    try losses(at: .theta, from: theta, on: batch, grain: .example)
  }

  /// The losses at each of `points`. Their answers are generated together and scored together.
  public func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) throws(InputError) -> Few<Double> {
    let indices = indices(of: batch)
    let answers = try questions.answers(to: indices, at: points, from: theta, for: .step(batch))
    let rewards = try questions.rewards(of: answers, to: indices)
    notes.add(rewards, of: answers, from: sampler.firstDrawn)
    var losses: Few<Double> = []
    for point in rewards {
      switch grain {
      case .batch: losses.append(-point.reduce(0, +) / Double(point.count))
      case .example: for reward in point { losses.append(-reward) }
      }
    }
    return losses
  }

  /// The questions that the sampler chooses for this step and draw.
  private func indices(of batch: Batch) -> [Int] {
    if let current, current.batch == batch { return current.indices }
    let drawn = Array(sampler.draw(step: batch.step, draw: batch.draw))
    current = (batch, drawn)
    return drawn
  }
}
