import Foundation
import Zeroth
import ZerothDiagnostics
import ZerothDistributed
import ZerothModels
import ZerothRecords
import ZerothSupport
import ZerothTasks

/// One training run: fine-tunes a model on a task with a composed optimiser, and keeps a record from which it can be
/// resumed and replayed.
///
///     let result = try TrainingRun(configuration).run()
public final class TrainingRun {
  /// The configuration of the run.
  public let configuration: RunConfiguration
  /// The model and the examples.
  public let setup: TaskSetup
  /// The number of steps that are done.
  public var steps: Int { result.steps }
  /// Whether the run already has a folder from which it can be resumed.
  public var isOnRecord: Bool { folder != nil }
  private let progress: ProgressLine?
  private let baseline: RunResult?
  /// The processes that make the run.
  let job: Job
  private var result = RunResult()
  private var watch: RunWatch
  private var folder: RunFolder?
  private var best: BestModel
  private let layers = Layers()
  private var lastScore: Double?
  private var saidSize = false
  private var clock = TrainingClock()

  /// A run of `configuration`, whose progress is shown by `progress`.
  ///
  /// - Parameters:
  ///   - configuration: the configuration of the run.
  ///   - setup: the model and the examples of the configuration, where they were read already. They are read again if
  ///     the tuning is another one.
  ///   - progress: the destination of progress lines.
  ///   - baseline: an earlier run with the same model and examples. The scores before the first step are then not
  ///     measured again.
  ///   - interruption: called after each step. The run ends where it returns the number of a signal.
  ///   - given: the processes that make the run, by default this one alone. Each of them calls this initialiser. The
  ///     job is then asked for a signal in place of `interruption`.
  /// - Throws: `InputError` for a model or examples that cannot be used.
  public init(
    _ configuration: RunConfiguration, _ setup: TaskSetup? = nil, progress: ProgressLine? = nil,
    baseline: RunResult? = nil, interruption: @escaping () -> Int32? = { nil }, job given: Job? = nil
  ) throws {
    let job = given ?? Job(request: interruption)
    self.configuration = configuration
    // With another tuning the model has other parameters, and with a prefix also other scores before the first step.
    let fitting = setup.flatMap { ($0.tuning ?? .fresh(.full)) == configuration.tuning ? $0 : nil }
    self.setup = try job.together { try fitting ?? TaskSetup(configuration) }
    self.progress = job.leads ? progress : nil
    self.baseline = fitting == nil ? nil : baseline
    self.job = job
    best = BestModel(configuration, self.setup, job)
    watch = RunWatch(patience: configuration.patience, isOfReward: configuration.task.kind == .reward)
  }

  /// Trains the model, evaluates dev at intervals and keeps the best model, and measures test at the end.
  ///
  /// With a folder in the configuration, everything is recorded there, and `resuming` continues the run in this folder.
  /// Throws `InputError` for settings that cannot be used, before anything is written.
  public func run(resuming: Bool = false) throws -> RunResult {
    try Parallel.withThreads(configuration.threads) {
      try run(try usableObjective(), resuming: resuming)
    }
  }

  /// The objective of training, after a check that all examples can be asked. Throws `InputError` in the same cases as
  /// `requireUsable`.
  func usableObjective() throws -> any Objective {
    try job.together {
      try requireUsable()
      return try setup.objective(configuration, in: job)
    }
  }

  /// Throws `InputError` for examples that cannot be asked, and where the best model would overwrite the base model.
  func requireUsable() throws {
    if let out = configuration.out { try setup.model.pretrained.requireOther(than: RunFiles(out).model) }
    try setup.prepareForTraining()
  }

  private func run(_ base: some Objective, resuming: Bool) throws -> RunResult {
    PeakMemory.reset()
    var theta = try job.together { try configuration.loadParameters(of: setup.model) }
    var optimizer = try configuration.makeOptimizer()
    let inputs = try job.together {
      try optimizer.validate(theta.layout)
      try setup.requireDerivatives(of: base, for: optimizer)
      try setup.requireDiagnosable(base, configuration, grain: optimizer.grain)
      return try configuration.out == nil && !job.isShared ? [:] : setup.inputHashes()
    }
    folder = try RunFolder.open(
      configuration, optimizer, at: theta, inputs: inputs, resuming: resuming, job: job,
      isSaved: { setup.model.pretrained.folder.isSaved(in: $0, configuration.storage) })
    result.flatSteps = folder?.recordedFlatSteps ?? 0
    for note in setup.notes + optimizer.notes(in: theta.layout) + notes(optimizer)
      + (folder?.notes(steps: configuration.steps) ?? [])
    {
      progress?.print(note)
    }

    let examples = try setup.training()
    if configuration.batch > examples.count {
      progress?.print(
        "run.batch is \(configuration.batch): a mini-batch has all \(examples.count) training examples instead")
    }
    result.tokensPerForward = examples.meanTokens.map { $0 * Double(min(configuration.batch, examples.count)) }
    if folder?.isWritten == true, configuration.recordsLayers { layers.store = LayerStatistics(from: theta) }
    result.zeroShot = try scores(.test, theta, step: 0, known: baseline?.zeroShot)
    try evaluate(theta, step: 0)
    clock.start()
    progress?.begin()
    do {
      try train(&optimizer, &theta, on: RecordingObjective(base))
    } catch let error as NonFiniteError {
      result.skipped += 1
      end(.diverged, "\(error)\(result.cause(of: error, theta, base))")
    }
    progress?.finish()
    if result.skipped > 0, result.outcome != .diverged {
      result.end += "; \(result.skipped) of them were skipped, as a loss was not finite"
      progress?.print(
        "\(result.skipped) of \(result.steps) steps were skipped, as a loss was not finite: theta did not move in them")
    }
    result.seconds = (folder?.earlierSeconds ?? 0) + clock.seconds
    result.weights = folder == nil ? nil : theta.contentHash()
    result.delta = theta.deltaSummary()
    if let delta = result.delta { progress?.print(delta.words) }
    if result.flatSteps > 0 {
      progress?.print("no direction changed the reward in \(result.flatSteps) of the steps that were measured")
    }
    if let folder, folder.isWritten, configuration.keepsLast {
      try setup.model.pretrained.save(theta, to: folder.files.last, as: configuration.savedPrecision)
    }
    if case .interrupted = result.outcome {} else { try measureTest(theta) }
    result.peakMemory = PeakMemory.bytes
    try job.together { try setup.model.pretrained.requireUnchanged() }
    result.ranks = try job.summaries(threads: configuration.threads)
    try job.together { try folder?.close(result) }
    return result
  }

  /// Makes steps until all are done or the run has to end, with evaluations and snapshots.
  private func train(
    _ optimizer: inout some OptimizerProtocol, _ theta: inout ParameterStore,
    on objective: borrowing RecordingObjective<some Objective>
  ) throws {
    end(.complete, "all \(configuration.steps) steps done")
    goOn(&optimizer, &theta)
    while optimizer.nextStep < configuration.steps, result.outcome == .complete {
      try diagnose(optimizer, theta, on: objective.base)
      let next = result.steps + 1
      let isEvaluated = next % configuration.evalEvery == 0 || next == configuration.steps
      if isEvaluated, folder?.needsLayers(after: next) == true { clock.pause { layers.store?.willStep(theta) } }
      let report = try optimizer.runStep(&theta, on: objective, log: folder?.log)
      try didStep(report)
      if next % configuration.compareEvery == 0, next > folder?.log.recorded.count ?? 0 {
        try job.requireEqual(theta, after: next)
      }
      if isEvaluated {
        try clock.pause {
          try recordLayers(theta, ratios: optimizer.adapterRatios(in: theta.layout))
          try evaluate(theta, step: result.steps)
        }
        decide()
      }
      progress?.update(
        result.steps, loss: report.meanLoss, score: lastScore.map { (result.zeroShot.metric.displayName, $0) })
      if let signal = job.interruption, result.outcome == .complete, result.steps < configuration.steps {
        end(
          .interrupted(signal: signal),
          "interrupted by \(signal == 2 ? "SIGINT" : "signal \(signal)") after \(result.steps) steps")
      }
      clock.pause { keepSnapshot(optimizer, theta) }
    }
    if let divergence = watch.divergence, result.outcome == .complete {
      end(.completeAfterDivergence, "all \(configuration.steps) steps done, although it diverged: \(divergence)")
    }
    try job.requireEqual(theta, after: result.steps)
    try folder?.log.synchronize()
  }

  /// Decides after an evaluation whether the run continues.
  private func decide() {
    guard result.steps < configuration.steps || watch.divergence != nil else { return }
    if let divergence = watch.divergence, configuration.onDivergence != .continue {
      let way = configuration.onDivergence == .best ? "; its last model is the best one" : ""
      end(.diverged, "stopped after \(result.steps) steps, as it diverged: \(divergence)\(way)")
    } else if watch.isOutOfPatience {
      end(
        .stoppedEarly,
        "stopped after \(result.steps) steps: no better dev score in \(watch.evaluationsWithoutBetter) evaluations, the best "
          + "after \(result.bestStep) steps")
    }
  }

  private func end(_ outcome: RunOutcome, _ words: String) {
    result.outcome = outcome
    result.end = words
  }

  /// The test scores of the last model and of the best one. The memory of theta is used for the saved model.
  private func measureTest(_ theta: consuming ParameterStore) throws {
    let endsWithBest = result.outcome == .diverged && configuration.onDivergence == .best
    if !endsWithBest || result.bestStep == result.steps {
      result.final = try scores(.test, theta, step: result.steps)
    }
    _ = consume theta
    result.best = try bestScores()
    if endsWithBest { result.final = result.best }
  }

  /// The test scores of the best model by dev. They are known already where it is the last or the first model and was
  /// not rounded.
  private func bestScores() throws -> Scores {
    if best.isExact(isTuned: result.bestStep > 0, in: folder) {
      if result.bestStep == result.steps { return result.final }
      if result.bestStep == 0 { return result.zeroShot }
    }
    return try best.testScores(in: folder)
  }

  /// Restores the last snapshot of a run that is resumed.
  private func goOn(_ optimizer: inout some OptimizerProtocol, _ theta: inout ParameterStore) {
    guard let folder, folder.log.recorded.count > 0,
      let progress = folder.snapshots.restore(
        &optimizer, &theta, folder.log.recorded,
        isUsable: { folder.isComplete(until: $0, every: configuration.evalEvery) },
        note: { self.progress?.print($0) })
    else { return }
    self.progress?.print("goes on from the snapshot after \(optimizer.nextStep) steps")
    result.steps = optimizer.nextStep
    self.progress?.begin(after: result.steps)
    result.forwards = progress.forwards
    result.skipped = progress.skipped
    result.nonFiniteMoves = progress.nonFiniteMoves
    watch.restore(progress.watch)
    if progress.bestStep > 0, let scores = folder.scores(.dev, after: progress.bestStep) {
      (result.bestDev, result.bestStep) = (scores, progress.bestStep)
      result.bestWeights = progress.bestWeights
      lastScore = scores.main
    }
  }

  /// Writes a snapshot, if one is due or the run was interrupted. If it cannot be written, this is reported and the run
  /// continues: resuming would then take longer, but nothing would be lost.
  private func keepSnapshot(_ optimizer: some OptimizerProtocol, _ theta: borrowing ParameterStore) {
    let every = configuration.snapshotEvery
    guard let folder, folder.isWritten, every > 0, result.steps % every == 0 || result.isCutShort,
      result.steps < configuration.steps,
      result.steps > folder.log.recorded.count
    else { return }
    do {
      if !saidSize {
        let size = try folder.snapshots.size(optimizer, theta)
        progress?.print(
          "snapshots of \(Human.bytes(size)) are kept every \(every) steps, the last two, in \(folder.files.snapshots)")
        saidSize = true
      }
      try folder.synchronize()
      try folder.snapshots.write(
        optimizer, theta,
        .init(
          forwards: result.forwards, skipped: result.skipped, nonFiniteMoves: result.nonFiniteMoves,
          bestStep: result.bestStep, bestWeights: result.bestWeights ?? "", watch: watch.state),
        losses: folder.log.lastLosses)
    } catch {
      progress?.print("no snapshot after \(result.steps) steps: \(error)")
    }
  }

  /// Writes a diagnosis of the estimates of the next step, if one is due.
  private func diagnose(
    _ optimizer: some OptimizerProtocol, _ theta: borrowing ParameterStore, on objective: some Objective
  ) throws {
    let step = optimizer.nextStep
    guard let every = configuration.diagnoseEvery, step % every == 0, let folder, folder.needsDiagnosis(after: step)
    else { return }
    try clock.pause {
      let place = Place(
        optimizer, step: step, key: configuration.runKey, batch: min(configuration.batch, setup.examples(.train).count))
      try folder.append(MetricsRow.Diagnosis(at: place, theta, on: objective, effort: .whileTraining))
    }
  }

  /// Writes how far each block has moved. It is called before the evaluation, which is the last row of a step.
  private func recordLayers(
    _ theta: borrowing ParameterStore, ratios: [(block: ParameterBlock, ratio: Double)]
  ) throws(InputError) {
    guard let folder, folder.needsLayers(after: result.steps),
      let row = layers.store?.row(after: result.steps, theta, ratios: ratios)
    else { return }
    try folder.append(row)
  }

  /// Holds the statistics, which cannot be copied.
  private final class Layers {
    var store: LayerStatistics?
  }

  private func didStep(_ report: StepReport) throws {
    result.steps = report.step + 1
    result.forwards += report.forwards
    result.skipped += report.outcome == .skipped ? 1 : 0
    result.nonFiniteMoves += report.nonFiniteMoves
    // A step that is made again measures nothing. Ranks may differ in which steps they make again.
    let isMeasured = report.step >= folder?.log.recorded.count ?? 0
    let spread = try isMeasured ? setup.training().rewards?.take(in: job) : nil
    if let spread, spread.points > 1, spread.overPoints == 0 { result.flatSteps += 1 }
    if let note = watch.note(report, spread) { progress?.print(note) }
    try folder?.append(
      report, forwards: result.forwards, seconds: clock.seconds, rewards: spread.map(MetricsRow.Rewards.init))
  }

  /// Evaluates dev, and keeps the model if it is the best so far. A model with answers that are not finite is never
  /// kept.
  private func evaluate(_ theta: borrowing ParameterStore, step: Int) throws {
    let known = step == 0 ? baseline?.zeroShotDev : nil
    var isBest = false
    try job.together { try setup.model.pretrained.requireUnchanged() }
    let found = try evaluation(.dev, theta, step: step, known: known) { found in
      isBest = step == 0 || (found.scores.isBetter(than: self.result.bestDev) && found.unanswered == 0)
      guard isBest else { return }
      self.result.bestDev = found.scores
      self.result.bestStep = step
      self.result.bestWeights = try self.best.keep(theta, step: step, in: self.folder)
    }
    watch.evaluated(after: step, unanswered: found.unanswered, of: setup.examples(.dev).count, isBest: isBest)
    lastScore = found.scores.main
    if step == 0 { result.zeroShotDev = found.scores }
    try showSamples(theta, step: step)
  }

  /// Shows and records the answers to a few rows of dev, where that is asked for and they are not recorded yet.
  private func showSamples(_ theta: borrowing ParameterStore, step: Int) throws {
    guard configuration.samples > 0, folder?.needsSamples(after: step) ?? job.leads else { return }
    let samples = try setup.samples(configuration.samples, at: theta)
    for sample in samples {
      progress?.print(
        "after \(step) steps: \(sample.prompt.inOneLine) -> \(sample.answer?.inOneLine ?? "no finite answer")"
          + (sample.expected.isEmpty ? "" : " (right: \(sample.expected.inOneLine))"))
    }
    try folder?.append(MetricsRow.Samples(step: step, samples: samples))
  }

  /// Scores, and the number of examples without a finite answer.
  private typealias Evaluated = (scores: Scores, unanswered: Int)

  private func scores(
    _ split: TaskSetup.Split, _ theta: borrowing ParameterStore, step: Int, known: Scores? = nil
  ) throws -> Scores { try evaluation(split, theta, step: step, known: known).scores }

  /// The evaluation of a split after `step` steps: from the record of a resumed run, from the scores `known`, or
  /// measured.
  ///
  /// `use` is called with it before it is recorded, so what depends on it is done by that time.
  private func evaluation(
    _ split: TaskSetup.Split, _ theta: borrowing ParameterStore, step: Int, known: Scores? = nil,
    use: (Evaluated) throws -> Void = { _ in }
  ) throws -> Evaluated {
    if let row = folder?.evaluation(split, after: step) {
      let recorded = (scores: Scores(recorded: row.scores), unanswered: row.unanswered)
      try use(recorded)
      return recorded
    }
    let found = try known == nil ? setup.evaluate(split, at: theta, shards: configuration.shards, in: job) : nil
    let evaluated = (scores: known ?? found?.scores ?? Scores([]), unanswered: found?.unanswered ?? 0)
    try use(evaluated)
    try folder?.append(
      .init(
        step: step, split: split.rawValue, scores: evaluated.scores.recorded, loss: found.flatMap(\.loss),
        unanswered: evaluated.unanswered))
    return evaluated
  }
}

extension String {
  /// The text with its line ends replaced, so that it fits on one line.
  fileprivate var inOneLine: String { split(whereSeparator: \.isNewline).joined(separator: " / ").excerpt }
}
