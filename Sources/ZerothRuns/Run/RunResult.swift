/// What came of a run.
public struct RunResult: Sendable {
  /// Test accuracy before the first step.
  public var zeroShot = Double.nan
  /// Dev accuracy before the first step.
  public var zeroShotDev = Double.nan
  /// Test accuracy after the last step.
  public var final = Double.nan
  /// Test accuracy of the model with the best dev accuracy.
  public var best = Double.nan
  /// That dev accuracy.
  public var bestDev = -Double.infinity
  /// Steps after which it was reached; the first of equals.
  public var bestStep = 0
  /// Steps done.
  public var steps = 0
  /// Steps that were skipped as a loss was not finite.
  public var skipped = 0
  /// Adapter moves that were left out as a loss was not finite.
  public var nonFiniteMoves = 0
  /// Forward passes of the training steps, over a mini-batch each.
  public var forwards = 0
  /// Seconds of training, evaluations left out.
  public var seconds = 0.0
  /// Peak memory of the process during the run, in bytes; nil where the system does not say.
  public var peakMemory: Int?
  /// Why the run ended.
  public var end = ""
  /// Whether it ended before its last step.
  public var isCutShort = false

  /// The members of `results` in `run.json`.
  public var json: [JSONValue.Member] {
    [
      .init("zero_shot_accuracy", .double(zeroShot)), .init("final_accuracy", .double(final)),
      .init("best_accuracy", .double(best)), .init("best_dev_accuracy", .double(bestDev)),
      .init("best_step", .int(bestStep)), .init("steps", .int(steps)), .init("skipped_steps", .int(skipped)),
      .init("non_finite_moves", .int(nonFiniteMoves)), .init("forwards", .int(forwards)),
      .init("seconds", .double(seconds)), .init("peak_memory_bytes", peakMemory.map { .int($0) } ?? .null),
    ]
  }

  /// The columns of `row`.
  public static let columns: [Table.Column] = [
    .left("optimizer"), .right("zero-shot"), .right("final"), .right("best"), .right("best step"),
    .right("forwards"), .right("time"), .right("peak memory"),
  ]

  /// A row of a table of runs.
  public func row(_ name: String) -> [String] {
    [
      name, Human.percent(zeroShot), Human.percent(final), Human.percent(best), "\(bestStep)", "\(forwards)",
      Human.seconds(seconds), peakMemory.map(Human.bytes) ?? "-",
    ]
  }

  /// A table of this run alone.
  public func table(_ name: String) -> String {
    var table = Table(Self.columns)
    table.rows.append(row(name))
    return table.text
  }
}
