import Zeroth
import ZerothSupport
import ZerothTasks

/// Detects problems of a run: losses that explode, answers that are not finite, steps that change nothing, and dev
/// scores that do not improve.
struct RunWatch {
  /// A run has diverged when the mean loss since the last evaluation is this many times the loss of its first step.
  /// Where that is below 1, it is compared with 1.
  static let lossLimit = 10.0

  /// The number of evaluations without a better dev score after which the run ends; nil for no limit.
  let patience: Int?
  /// Why the run counts as diverged, in words; nil where it does not.
  private(set) var divergence: String?
  private var firstLoss: Double?
  private var sum = 0.0
  private var count = 0
  private var evaluationsSinceBest = 0
  private var stillSteps = 0

  /// Whether the losses come from a reward. Their size then says nothing.
  private let isOfReward: Bool
  /// The number of steps in a row in which no direction changed the reward, and whether one of these steps changed an
  /// answer.
  private var flatSteps = 0
  private var haveAnswersChanged = false
  private var hasSaidFlat = false

  init(patience: Int?, isOfReward: Bool = false) {
    self.patience = patience
    self.isOfReward = isOfReward
  }

  /// A message about a step; usually nil. `spread` is that of its rewards, where it has rewards.
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

  /// After three steps in a row in which no direction changed the reward, a message with the cause, once.
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

  /// Records an evaluation after `step` steps: `count` examples, of which `unanswered` have no finite answer.
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

  /// Records that the run has diverged. Only the first reason is kept.
  mutating func diverged(_ reason: String) { if divergence == nil { divergence = reason } }

  /// The part of the state that a snapshot stores.
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

  /// Whether no dev score was better for the given number of evaluations.
  var isOutOfPatience: Bool { patience.map { evaluationsSinceBest >= $0 } ?? false }
  /// The number of evaluations since the best one.
  var evaluationsWithoutBetter: Int { evaluationsSinceBest }
}
