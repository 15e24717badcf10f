import Foundation
import Zeroth
import ZerothDiagnostics
import ZerothDistributed
import ZerothModels
import ZerothRecords
import ZerothResources
import ZerothSupport
import ZerothTasks

/// One training run: fine-tunes a model on a task by a composed optimiser, and keeps a record from which it can be
/// resumed and replayed.
///
///     let result = try TrainingRun(configuration).run()
public final class TrainingRun {
  /// What is run.
  public let configuration: RunConfiguration
  /// The model and the examples.
  public let setup: TaskSetup
  /// Steps that are done.
  public var steps: Int { result.steps }
  /// Whether it has a folder by now, from which it can be resumed.
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

  /// A run of `configuration`, shown by `progress`.
  ///
  /// - Parameters:
  ///   - configuration: what is run.
  ///   - setup: the model and the examples that the configuration names, where they have been read before; they are read anew for
  ///     another tuning.
  ///   - progress: where lines of progress go.
  ///   - baseline: a run on the same model and examples, which spares measuring the scores before the first step again.
  ///   - interruption: asked after each step; the number of a signal ends the run.
  ///   - given: the processes that make the run, each of them by a call of its own, asked for a signal in the place of
  ///     `interruption`. This one alone by default.
  /// - Throws: `InputError` for a model or examples that cannot be used.
  public init(
    _ configuration: RunConfiguration, _ setup: TaskSetup? = nil, progress: ProgressLine? = nil,
    baseline: RunResult? = nil, interruption: @escaping () -> Int32? = { nil }, job given: Job? = nil
  ) throws {
    let job = given ?? Job(request: interruption)
    self.configuration = configuration
    // A model that is tuned in another way has other parameters, and with a prefix other scores before the first step.
    let fitting = setup.flatMap { ($0.tuning ?? .fresh(.full)) == configuration.tuning ? $0 : nil }
    self.setup = try job.together { try fitting ?? TaskSetup(configuration) }
    self.progress = job.leads ? progress : nil
    self.baseline = fitting == nil ? nil : baseline
    self.job = job
    best = BestModel(configuration, self.setup, in: nil, job)
    watch = RunWatch(patience: configuration.patience, isOfReward: configuration.task.kind == .reward)
  }

  /// Trains, evaluating dev every so many steps and keeping the best model, and measures test at the end.
  ///
  /// With a folder in the configuration, everything is recorded there; `resuming` goes on with what it holds.
  /// Throws `InputError` for what cannot be used, before anything is written.
  public func run(resuming: Bool = false) throws -> RunResult {
    try Parallel.withThreads(configuration.threads) {
      try run(try usableObjective(), resuming: resuming)
    }
  }

  /// What is minimised, of examples that can be asked. Throws `InputError` as `requireUsable` does.
  func usableObjective() throws -> any Objective {
    try job.together {
      try requireUsable()
      return try setup.objective(configuration, in: job)
    }
  }

  /// What is to be said of a rate that was chosen on another model, of an option that changes nothing, and of a job of several ranks.
  private func notes(_ optimizer: some OptimizerProtocol) -> [String] {
    var notes: [String] = []
    if let rate = configuration.presetRate, configuration.modelPath != Embedded.modelName {
      notes.append(
        "the learning rate, \(rate), is the preset's, which was chosen on \(Embedded.modelName) (4.3 M parameters); "
          + "--learning-rate auto measures one for this model")
    }
    if configuration.recomputesActivations, !optimizer.needsDerivatives, configuration.diagnoseEvery == nil {
      notes.append("run.checkpointing changes nothing, as no gradient is taken")
    }
    if job.isShared {
      let shards = configuration.shards
      let idle = job.size > shards ? "; \(job.size - shards) ranks have none and wait" : ""
      notes.append("\(job.size) ranks measure each mini-batch in \(shards) shards\(idle)")
    }
    return notes
  }

  /// Throws `InputError` for examples that cannot be asked, and where the best model would overwrite the base.
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
    best = BestModel(configuration, setup, in: folder, job)
    for note in setup.notes + optimizer.notes(in: theta.layout) + notes(optimizer)
      + (folder?.notes(steps: configuration.steps) ?? [])
    {
      progress?.print(note)
    }

    let examples = try setup.training()
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
      end(.diverged, "\(error)\(diagnosis(error, theta, base))")
    }
    progress?.finish()
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

  /// Steps until all are done or the run is to end, evaluating and keeping snapshots on the way.
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

  /// Sees after an evaluation whether the run goes on.
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

  /// Test scores of the last model and of the best. The saved model takes the place of theta in memory.
  private func measureTest(_ theta: consuming ParameterStore) throws {
    let endsWithBest = result.outcome == .diverged && configuration.onDivergence == .best
    if !endsWithBest || result.bestStep == result.steps {
      result.final = try scores(.test, theta, step: result.steps)
    }
    _ = consume theta
    result.best = try bestScores()
    if endsWithBest { result.final = result.best }
  }

  /// Test scores of the best model by dev. They are known already where it is the last model or the first one, and was not rounded.
  private func bestScores() throws -> Scores {
    if best.isExact(isTuned: result.bestStep > 0) {
      if result.bestStep == result.steps { return result.final }
      if result.bestStep == 0 { return result.zeroShot }
    }
    return try best.testScores()
  }

  /// Goes on from the last snapshot of a run that is resumed.
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

  /// Keeps a snapshot, if it is time for one or the run was interrupted. One that cannot be written is reported, and the run goes
  /// on: a resume then takes longer, and loses nothing.
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

  /// Writes what the estimates of the next step are worth, if it is time for that.
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

  /// Writes how each block has moved, before the evaluation that closes what belongs to a step.
  private func recordLayers(
    _ theta: borrowing ParameterStore, ratios: [(block: ParameterBlock, ratio: Double)]
  ) throws(InputError) {
    guard let folder, folder.needsLayers(after: result.steps),
      let row = layers.store?.row(after: result.steps, theta, ratios: ratios)
    else { return }
    try folder.append(row)
  }

  /// A place for the statistics, which cannot be copied.
  private final class Layers {
    var store: LayerStatistics?
  }

  /// What made the losses of a run not finite, in words, as far as theta and one more loss tell.
  private func diagnosis(
    _ error: NonFiniteError, _ theta: borrowing ParameterStore, _ objective: some Objective
  ) -> String {
    for block in theta.layout.blocks where !theta.isFinite(block) {
      let when =
        result.steps < result.skipped
        ? "as it was read" : "after updates that were too large: try a smaller learning rate"
      return "; theta is not finite in \(block.name), \(when)"
    }
    let loss = (try? objective.loss(at: theta, on: Batch(step: error.step))) ?? .nan
    if loss.isFinite {
      let epsilon = error.epsilon.map { "\($0)" } ?? "the estimator's"
      return "; at theta itself the loss is \(Human.fixed(loss, 4)): epsilon, \(epsilon), moves too far"
    }
    return "; the loss at theta itself is not finite either, although all of its weights are: the activations overflow"
  }

  private func didStep(_ report: StepReport) throws {
    result.steps = report.step + 1
    result.forwards += report.forwards
    result.skipped += report.outcome == .skipped ? 1 : 0
    result.nonFiniteMoves += report.nonFiniteMoves
    // A step that is made again measures nothing, and not every rank makes the same ones again.
    let isMeasured = report.step >= folder?.log.recorded.count ?? 0
    let spread = try isMeasured ? setup.training().rewards?.take(in: job) : nil
    if let spread, spread.points > 1, spread.overPoints == 0 { result.flatSteps += 1 }
    if let note = watch.note(report, spread) { progress?.print(note) }
    try folder?.append(
      report, forwards: result.forwards, seconds: clock.seconds, rewards: spread.map(MetricsRow.Rewards.init))
  }

  /// Evaluates dev and keeps the model if it is the best so far. One whose answers are not all finite never is.
  private func evaluate(_ theta: borrowing ParameterStore, step: Int) throws {
    let known = step == 0 ? baseline?.zeroShotDev : nil
    var isBest = false
    try job.together { try setup.model.pretrained.requireUnchanged() }
    let found = try evaluation(.dev, theta, step: step, known: known) { found in
      isBest = step == 0 || (found.scores.isBetter(than: self.result.bestDev) && found.unanswered == 0)
      guard isBest else { return }
      self.result.bestDev = found.scores
      self.result.bestStep = step
      self.result.bestWeights = try self.best.keep(theta, step: step)
    }
    watch.evaluated(after: step, unanswered: found.unanswered, of: setup.examples(.dev).count, isBest: isBest)
    lastScore = found.scores.main
    if step == 0 { result.zeroShotDev = found.scores }
    try showSamples(theta, step: step)
  }

  /// Shows and keeps the answers to a few rows of dev, where that is asked for and they are not on record yet.
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

  /// Scores, and how many examples have no finite answer.
  private typealias Evaluated = (scores: Scores, unanswered: Int)

  private func scores(
    _ split: TaskSetup.Split, _ theta: borrowing ParameterStore, step: Int, known: Scores? = nil
  ) throws -> Scores { try evaluation(split, theta, step: step, known: known).scores }

  /// The evaluation of a split after `step` steps: as a resumed run has it on record, as its scores are `known`, or measured.
  ///
  /// `use` is given it before it goes on record, so that what follows from it is done by then.
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
  /// A text that may have several lines, for a line of its own.
  fileprivate var inOneLine: String { split(whereSeparator: \.isNewline).joined(separator: " / ").excerpt }
}
