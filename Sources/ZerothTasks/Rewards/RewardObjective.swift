import Zeroth
import ZerothModels

/// Minus the mean reward of the answers that a causal model generates to a mini-batch of questions. It has no gradient, and needs
/// none.
///
/// All points are decoded together, and all their answers are scored at once. What is drawn at random is the same at every point of a
/// request (common random numbers), so that a difference of two losses is one of parameters.
public final class RewardObjective: Objective {
  /// A prompt that cannot be asked, or an answer that cannot be scored.
  public typealias Failure = InputError

  private let questions: RewardedQuestions
  private let notes: RewardNotes
  private var sampler: BatchSampler
  private var current: (batch: Batch, indices: [Int])?

  /// The objective on mini-batches that `sampler` draws from `questions`; `notes` takes what the rewards are like.
  public init(_ questions: RewardedQuestions, _ sampler: BatchSampler, _ notes: RewardNotes) {
    self.questions = questions
    self.sampler = sampler
    self.notes = notes
  }

  /// Minus the mean reward at theta on `batch`; NaN where the model's logits are not finite.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Double {
    try losses(at: .theta, from: theta, on: batch)[0]
  }

  /// Minus the reward of each question of `batch`.
  public func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Few<Double> {
    try losses(at: .theta, from: theta, on: batch, grain: .example)
  }

  /// The same at each of `points`, whose answers are generated together and scored together.
  public func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) throws(InputError) -> Few<Double> {
    let indices = indices(of: batch)
    let answers = try questions.answers(to: indices, at: points, from: theta, for: .step(batch))
    let rewards = try questions.rewards(of: answers, to: indices)
    notes.add(RewardSpread(rewards, answers))
    var losses: Few<Double> = []
    for point in rewards {
      switch grain {
      case .batch: losses.append(-point.reduce(0, +) / Double(point.count))
      case .example: for reward in point { losses.append(-reward) }
      }
    }
    return losses
  }

  /// The questions that the sampler gives for this step and draw.
  private func indices(of batch: Batch) -> [Int] {
    if let current, current.batch == batch { return current.indices }
    let drawn = Array(sampler.draw(step: batch.step, draw: batch.draw))
    current = (batch, drawn)
    return drawn
  }
}

/// What the rewards of a step were like: how much of them comes from where it was measured, and how much from the questions.
public struct RewardSpread: Sendable, Hashable {
  /// The mean over all points and questions.
  public let mean: Double
  /// The standard deviation over the points of their mean rewards: what a step can see. 0 where no direction changed the reward.
  public let overPoints: Double
  /// The standard deviation over the questions, of the mean over points.
  public let overExamples: Double
  /// The part of the questions that were not answered alike at all points.
  public let changed: Double
  /// How many points there were.
  public let points: Int

  /// The spread of `rewards`, point after point, of `answers` alike.
  init(_ rewards: [[Double]], _ answers: [[String?]]) {
    let count = rewards.first?.count ?? 0
    let ofPoints = rewards.map { $0.reduce(0, +) / Double(max(1, count)) }
    let ofExamples = (0..<count).map { e in rewards.reduce(0) { $0 + $1[e] } / Double(rewards.count) }
    points = rewards.count
    mean = ofPoints.reduce(0, +) / Double(max(1, points))
    overPoints = Self.deviation(ofPoints)
    overExamples = Self.deviation(ofExamples)
    let others = (0..<count).count { e in answers.contains { $0[e] != answers[0][e] } }
    changed = Double(others) / Double(max(1, count))
  }

  private static func deviation(_ values: [Double]) -> Double {
    guard let first = values.first, !values.allSatisfy({ $0 == first }) else { return 0 }
    let mean = values.reduce(0, +) / Double(values.count)
    return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)).squareRoot()
  }
}

/// What the rewards of the step that was measured last were like.
public final class RewardNotes {
  private var spread: RewardSpread?

  /// Nothing yet.
  public init() {}

  /// Keeps `spread`, unless one of the step has more points: an adapter may measure further ones.
  func add(_ spread: RewardSpread) {
    if spread.points > self.spread?.points ?? 0 { self.spread = spread }
  }

  /// What was noted since the last time; nil for nothing.
  public func take() -> RewardSpread? {
    defer { spread = nil }
    return spread
  }
}
