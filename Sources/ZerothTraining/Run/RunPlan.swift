import Foundation
import Zeroth
import ZerothModels
import ZerothSupport
import ZerothTasks

/// What a run would do and need, estimated from a few steps and answers: `zeroth train --dry-run`.
public struct RunPlan: Sendable {
  /// The name of the optimiser in tables.
  public let optimizer: String
  /// The number of parameters of the model, and the number of those that are trained.
  public let parameters, trainable: Int
  /// The number of examples of each split.
  public let examples: [(split: String, count: Int)]
  /// The number of steps, of their forward passes, and of evaluations of dev.
  public let steps, forwards, evaluations: Int
  /// The seconds of all steps, and of all evaluations of dev and test.
  public let stepSeconds, evaluationSeconds: Double
  /// Peak memory of the process so far, in bytes; nil where the system does not say.
  public let peakMemory: Int?
  /// The most bytes that the run keeps on disk: models, snapshots, and losses with rows. 0 where it writes no folder.
  public let disk: (models: Int, snapshots: Int, record: Int)
  /// The number of steps that were made to measure, and the number of those with a loss that is not finite.
  public let measuredSteps, skippedSteps: Int
  /// The folder of the run; nil where none is written.
  public let out: String?

  /// The plan as the members of an object.
  public var json: [JSON.Member] {
    [
      .init("optimizer", .string(optimizer)), .init("parameters", .int(parameters)),
      .init("trainable", .int(trainable)),
      .init("examples", .object(examples.map { .init($0.split, .int($0.count)) })), .init("steps", .int(steps)),
      .init("forwards", .int(forwards)), .init("evaluations", .int(evaluations)),
      .init("step_seconds", .double(stepSeconds)), .init("evaluation_seconds", .double(evaluationSeconds)),
      .init("peak_memory_bytes", peakMemory.map { .int($0) } ?? .null),
      .init(
        "disk_bytes",
        .object([
          .init("models", .int(disk.models)), .init("snapshots", .int(disk.snapshots)),
          .init("record", .int(disk.record)),
        ])),
      .init("measured_steps", .int(measuredSteps)), .init("skipped_steps", .int(skippedSteps)),
      .init("out", out.map { .string($0) } ?? .null),
    ]
  }

  /// The plan in a few lines.
  public var text: String {
    let total = disk.models + disk.snapshots + disk.record
    let splits = examples.map { "\($0.count) \($0.split)" }.joined(separator: ", ")
    var lines = [
      "\(optimizer): \(steps) steps, \(forwards) forward passes, \(evaluations) evaluations of dev",
      "parameters: \(parameters), of which \(trainable) are trained",
      "examples: \(splits)",
      "time: about \(Human.seconds(stepSeconds)) for the steps and \(Human.seconds(evaluationSeconds)) for the evaluations, "
        + "from \(measuredSteps) steps and a few answers",
      "memory: \(peakMemory.map(Human.bytes) ?? "unknown")",
      out.map {
        "disk: at most \(Human.bytes(total)) in \($0): models \(Human.bytes(disk.models)), snapshots "
          + "\(Human.bytes(disk.snapshots)), losses and rows \(Human.bytes(disk.record))"
      } ?? "disk: nothing, as no folder is given (--out)",
    ]
    if skippedSteps > 0 { lines.append("\(skippedSteps) of the \(measuredSteps) steps had a loss that is not finite") }
    return lines.map { $0 + "\n" }.joined()
  }
}

extension OptimizerProtocol {
  /// The forward passes of the first `steps` steps. Those after the first million are taken to be as many on average as
  /// those of the million.
  func forwards(ofSteps steps: Int, in layout: ParameterLayout) -> Int {
    let counted = min(steps, 1_000_000)
    let found = (0..<counted).reduce(0) { $0 + forwards(at: $1, in: layout) }
    return steps > counted ? Int(exactly: (Double(found) / Double(counted) * Double(steps)).rounded()) ?? .max : found
  }
}

extension TrainingRun {
  /// What `run` would do. Nothing is written. At most three steps are made and 16 questions answered.
  ///
  /// Throws `InputError` for everything that `run` would refuse before its first step.
  public func plan(resuming: Bool = false) throws -> RunPlan {
    try job.together { if job.leads { try RunFolder.requirePlace(configuration, resuming: resuming) } }
    return try Parallel.withThreads(configuration.threads) {
      try plan(on: try usableObjective())
    }
  }

  private func plan(on objective: some Objective) throws -> RunPlan {
    PeakMemory.reset()
    var theta = try configuration.loadParameters(of: setup.model)
    let layout = theta.layout
    var optimizer = try configuration.makeOptimizer()
    try optimizer.validate(layout)
    try setup.requireDerivatives(of: objective, for: optimizer)
    let clock = ContinuousClock()
    let forwards = optimizer.forwards(ofSteps: configuration.steps, in: layout)
    // The first step allocates what later steps use again, so it is measured only if it is the only one.
    let measured = min(3, configuration.steps)
    var measuredForwards = 0
    var skipped = 0
    var seconds = 0.0
    var last: [Double] = []
    for step in 0..<measured {
      let start = clock.now
      let report = try optimizer.step(&theta, objective)
      if step > 0 || measured == 1 {
        seconds += (clock.now - start) / .seconds(1)
        measuredForwards += report.forwards
      }
      skipped += report.outcome == .skipped ? 1 : 0
      last = Array(report.losses)
    }
    let dev = try setup.secondsOfAnswers(.dev, at: theta)
    let test = try setup.secondsOfAnswers(.test, at: theta)
    let (intervals, rest) = configuration.steps.quotientAndRemainder(dividingBy: configuration.evalEvery)
    let evaluations = 1 + intervals + (rest > 0 ? 1 : 0)
    let saved = setup.model.pretrained.folder.savesAdapter ? layout.trainable : layout.blocks
    let floats =
      configuration.storage == .frozen ? configuration.mostFactorFloats(in: layout) : saved.reduce(0) { $0 + $1.count }
    let model = floats * MemoryLayout<Float>.stride
    let keepsSnapshots = (1..<configuration.steps).contains(configuration.snapshotEvery)
    let snapshot = keepsSnapshots ? try optimizer.stateSize(with: theta, also: { _ in }) : 0
    let snapshots = min(2, (configuration.steps - 1) / max(1, configuration.snapshotEvery))
    let isWritten = configuration.out != nil
    return RunPlan(
      optimizer: configuration.optimizerName,
      parameters: layout.blocks.reduce(0) { $0 + $1.count },
      trainable: layout.trainable.reduce(0) { $0 + $1.count },
      examples: TaskSetup.Split.allCases.map { ($0.rawValue, setup.examples($0).count) },
      steps: configuration.steps, forwards: forwards, evaluations: evaluations,
      stepSeconds: seconds / Double(max(1, measuredForwards)) * Double(forwards),
      evaluationSeconds: dev * Double(evaluations) + test * 3, peakMemory: PeakMemory.bytes,
      disk: isWritten
        ? (
          models: model * (configuration.keepsLast ? 2 : 1), snapshots: snapshot * snapshots,
          record: Int(exactly: (Double(configuration.steps) * Double(184 + last.count * 28)).rounded()) ?? .max
        )
        : (0, 0, 0),
      measuredSteps: measured, skippedSteps: skipped, out: configuration.out)
  }
}
