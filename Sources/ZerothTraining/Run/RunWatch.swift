import Zeroth
import ZerothSupport
import ZerothTasks

/// Sees whether a run goes astray: losses that explode, answers that are not finite, steps that change nothing, and dev scores
/// that get no better.
struct RunWatch {
  /// A run has diverged when the mean loss since the last evaluation is so many times that of its first step, or that of 1
  /// where the first is below.
  static let lossLimit = 10.0

  /// Evaluations without a better dev score that end the run; nil for any number.
  let patience: Int?
  /// Why the run counts as diverged, in words; nil as long as it does not.
  private(set) var divergence: String?
  private var firstLoss: Double?
  private var sum = 0.0
  private var count = 0
  private var evaluationsSinceBest = 0
  private var stillSteps = 0

  /// Whether losses are those of a reward, whose size says nothing.
  private let isOfReward: Bool
  /// Steps in a row at which no direction changed the reward, and whether some changed an answer meanwhile.
  private var flatSteps = 0
  private var haveAnswersChanged = false
  private var hasSaidFlat = false

  init(patience: Int?, isOfReward: Bool = false) {
    self.patience = patience
    self.isOfReward = isOfReward
  }

  /// What is to be said of a step, whose rewards are like `spread` where it had some; mostly nothing.
  mutating func note(_ report: StepReport, _ spread: RewardSpread? = nil) -> String? {
    guard report.outcome == .applied else { return nil }
    if let spread { return note(report, rewards: spread) }
    if isOfReward { return nil }
    if firstLoss == nil { firstLoss = report.meanLoss }
    sum += report.meanLoss
    count += 1
    stillSteps = report.projectedGradient == 0 ? stillSteps + 1 : 0
    guard stillSteps == 10 else { return nil }
    let epsilon = report.epsilon.map { "an epsilon of \($0)" } ?? "its epsilon"
    return
      "10 steps in a row, up to number \(report.step + 1), measured no difference between their losses and changed nothing: "
      + "\(epsilon) may be too small for parameters in fp32, or the objective has no slope there"
  }

  /// Says once, after three steps in a row, that no direction changes the reward, and what that comes from.
  private mutating func note(_ report: StepReport, rewards: RewardSpread) -> String? {
    guard rewards.points > 1, rewards.overPoints == 0 else {
      (flatSteps, haveAnswersChanged) = (0, false)
      return nil
    }
    flatSteps += 1
    haveAnswersChanged = haveAnswersChanged || rewards.changed > 0
    guard flatSteps == 3, !hasSaidFlat else { return nil }
    hasSaidFlat = true
    let epsilon = report.epsilon.map { "an epsilon of \($0)" } ?? "its epsilon"
    return
      "no direction has changed the reward in 3 steps, up to number \(report.step + 1): it is \(Human.fixed(rewards.mean, 4)) at all "
      + "\(rewards.points) points, so that nothing was learned; "
      + (haveAnswersChanged
        ? "answers did change, so the reward is too coarse to tell them apart: one with steps between, more examples or more queries "
          + "may help" : "no answer changed either: \(epsilon) is too small to change one, or the answers are sure")
  }

  /// Takes in an evaluation after `step` steps, of `count` examples of which `unanswered` have no finite answer.
  mutating func evaluated(after step: Int, unanswered: Int, of count: Int, isBest: Bool) {
    evaluationsSinceBest = isBest ? 0 : evaluationsSinceBest + 1
    if unanswered > 0 {
      diverged("\(unanswered) of \(count) dev examples have no finite answer after \(step) steps")
    }
    if let firstLoss, self.count > 0, !isOfReward {
      let mean = sum / Double(self.count)
      if mean > Self.lossLimit * max(1, firstLoss) {
        diverged(
          "the mean loss up to step \(step) is \(Human.fixed(mean, 4)), that of the first \(Human.fixed(firstLoss, 4))")
      }
    }
    (sum, self.count) = (0, 0)
  }

  /// Notes that the run has diverged, for the first reason that there is.
  mutating func diverged(_ reason: String) { if divergence == nil { divergence = reason } }

  /// What a snapshot keeps of it.
  struct State {
    var firstLoss = Double.nan
    var sum = 0.0
    var count = 0
    var evaluationsSinceBest = 0
    var stillSteps = 0
    var divergence = ""

    mutating func code(_ state: StateCoder) throws(InputError) {
      try state.code("first-loss", &firstLoss)
      try state.code("sum", &sum)
      try state.code("count", &count)
      try state.code("evaluations-since-best", &evaluationsSinceBest)
      try state.code("still-steps", &stillSteps)
      try state.code("divergence", &divergence)
    }
  }

  var state: State {
    State(
      firstLoss: firstLoss ?? .nan, sum: sum, count: count, evaluationsSinceBest: evaluationsSinceBest,
      stillSteps: stillSteps, divergence: divergence ?? "")
  }

  mutating func restore(_ state: State) {
    firstLoss = state.firstLoss.isNaN ? nil : state.firstLoss
    (sum, count) = (state.sum, state.count)
    (evaluationsSinceBest, stillSteps) = (state.evaluationsSinceBest, state.stillSteps)
    divergence = state.divergence.isEmpty ? nil : state.divergence
  }

  /// Whether no dev score was better for as many evaluations as are waited for.
  var isOutOfPatience: Bool { patience.map { evaluationsSinceBest >= $0 } ?? false }
  /// How many evaluations there were since the best one.
  var evaluationsWithoutBetter: Int { evaluationsSinceBest }
}
