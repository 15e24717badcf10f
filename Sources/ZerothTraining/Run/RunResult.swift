import Zeroth
import ZerothDistributed
import ZerothModels
import ZerothRecords
import ZerothStrategies
import ZerothSupport
import ZerothTasks

/// The results of a run.
public struct RunResult: Sendable {
  /// Test scores before the first step.
  public var zeroShot = Scores([])
  /// Dev scores before the first step.
  public var zeroShotDev = Scores([])
  /// Test scores after the last step.
  public var final = Scores([])
  /// The test scores of the model with the best dev score by the task's first metric.
  public var best = Scores([])
  /// The dev scores of this model.
  public var bestDev = Scores([])
  /// The number of steps before this model; the smallest one where several models have equal scores.
  public var bestStep = 0
  /// The hash of the weights of this model; nil where the run is not recorded.
  public var bestWeights: String?
  /// The number of steps done.
  public var steps = 0
  /// The hash of the weights after the last step; nil where the run is not recorded.
  public var weights: String?
  /// The number of steps that were skipped because a loss was not finite.
  public var skipped = 0
  /// The number of moves of the adapter that were left out because a loss was not finite.
  public var nonFiniteMoves = 0
  /// The number of measured steps in which no direction changed the reward, in a run that maximises a reward.
  public var flatSteps = 0
  /// The number of forward passes of the training steps, each over a mini-batch.
  public var forwards = 0
  /// The mean number of tokens that a forward pass computes for a training example; nil where it is not known in
  /// advance.
  public var tokensPerForward: Double?
  /// The seconds of training, without evaluations.
  public var seconds = 0.0
  /// Peak memory of the process during the run, in bytes; nil where the system does not say.
  public var peakMemory: Int?
  /// A summary of the updates beside matrices that are never written; nil where matrices are written.
  public var delta: DeltaSummary?
  /// A summary of each rank of the job; empty for a run of one process.
  public var ranks: [RankSummary] = []
  /// Why the run ended, in words.
  public var end = ""
  /// How it ended.
  public var outcome = RunOutcome.complete
  /// Whether it ended before its last step.
  public var isCutShort: Bool { ![.complete, .completeAfterDivergence].contains(outcome) }

  static let weightsKey = "weights"
  static let bestWeightsKey = "best_weights"

  /// The members of `results` in `run.json`.
  public var json: [JSON.Member] {
    func members(_ name: String, _ scores: Scores) -> [JSON.Member] {
      scores.values.map { .init("\(name)_\($0.metric.rawValue)", .double($0.value)) }
    }
    var all = members("zero_shot", zeroShot) + members("final", final) + members("best", best)
    all += members("best_dev", bestDev)
    all += [
      .init("metric", .string(zeroShot.metric.rawValue)), .init("best_step", .int(bestStep)),
      .init("steps", .int(steps)), .init("skipped_steps", .int(skipped)),
      .init("non_finite_moves", .int(nonFiniteMoves)), .init("forwards", .int(forwards)),
      .init("seconds", .double(seconds)), .init("peak_memory_bytes", peakMemory.map { .int($0) } ?? .null),
    ]
    if zeroShot.metric == .reward { all.append(.init("steps_without_change", .int(flatSteps))) }
    if let tokensPerForward { all.append(.init("tokens_per_forward", .double(tokensPerForward))) }
    if let delta {
      all.append(
        .init(
          "delta",
          .object([
            .init("rank", .int(delta.largestRank)), .init("floats", .int(delta.count)),
            .init("energy", .double(delta.energy)), .init("discarded_energy", .double(delta.discarded)),
            .init("compressions", .int(delta.compressions)),
          ])))
    }
    if !ranks.isEmpty { all.append(.init("ranks", .array(ranks.map(\.json)))) }
    if let remark = outcome.remark { all.append(.init("outcome", .string(remark))) }
    if let weights { all.append(.init(Self.weightsKey, .string(weights))) }
    if let bestWeights { all.append(.init(Self.bestWeightsKey, .string(bestWeights))) }
    return all
  }

  /// The columns of `row`.
  public static let columns: [Table.Column] = [
    .left("optimizer"), .right("zero-shot"), .right("final"), .right("best"), .right("best step"),
    .right("forwards"), .right("time"), .right("peak memory"),
  ]

  /// A row of a table of runs.
  public func row(_ name: String) -> [String] {
    [
      outcome.remark.map { "\(name) (\($0))" } ?? name, zeroShot.text, final.text, best.text, "\(bestStep)",
      "\(forwards)",
      Human.seconds(seconds), peakMemory.map(Human.bytes) ?? "-",
    ]
  }

  /// A table of this run alone, with a note about the kept model. Where there are several ranks, a table of them
  /// follows.
  public func table(_ name: String) -> String {
    var table = Table(Self.columns)
    table.rows.append(row(name))
    let kept =
      steps > 0 && bestStep == 0
      ? "no step had a better score on dev than the base, so the model that is kept is the base; run.keep-last keeps the last"
      : "scores on test; the model of step \(bestStep), which has the best on dev, is kept"
    return table.text + kept + "\n" + (ranks.isEmpty ? "" : "\n" + RankSummary.table(ranks))
  }
}
