import Foundation
import Zeroth
import ZerothDiagnostics
import ZerothModels
import ZerothRecords
import ZerothStrategies
import ZerothSupport
import ZerothTasks

/// Examines how good the estimates of a run are, layer by layer. The run is either a recorded one, whose steps are made
/// again from its losses, or one that a configuration describes. Nothing is written.
public struct DiagnosedRun {
  /// What is to be examined.
  public struct Request: Sendable {
    /// The parts of the examination.
    public var parts: Set<DiagnosisPart>
    /// The number of steps between two points that are examined, in addition to the first and the last point; nil for
    /// no others.
    public var every: Int?
    /// How many mini-batches and directions are used.
    public var effort: Effort
    /// The matrices whose gradients are examined. Nil means queries and values, or all trained matrices where those are
    /// not trained.
    public var matrices: BlockSelection?

    /// A request for `parts`.
    public init(
      parts: Set<DiagnosisPart> = Set(DiagnosisPart.allCases), every: Int? = nil, effort: Effort = Effort(),
      matrices: BlockSelection? = nil
    ) {
      self.parts = parts
      self.every = every
      self.effort = effort
      self.matrices = matrices
    }
  }

  private let configuration: RunConfiguration
  private let registry: Registry
  private let files: RunFiles?

  /// The run in `folder`. `overrides` may give the present places of its model and data, and the number of threads.
  /// Throws `InputError` for a folder without a run.
  public init(
    recordedIn folder: String, overrides: Settings = Settings(), registry: Registry = .standard,
    tasks: TaskRegistry = .standard, families: ModelFamilies = .standard
  ) throws {
    let files = RunFiles(folder)
    try registry.requirePlugins(ofRun: files.record)
    let settings = try Settings(ofRun: files.record).overridden(by: overrides)
    configuration = try RunConfiguration(settings, registry, tasks: tasks, families: families)
    self.registry = registry
    self.files = files
  }

  /// The run that `configuration` describes. Its strategies are in `registry`.
  public init(_ configuration: RunConfiguration, registry: Registry = .standard) {
    self.configuration = configuration
    self.registry = registry
    files = nil
  }

  /// Examines the run. For a run without a record, the steps are made where `request.every` is given. Otherwise only
  /// the point before its first step is examined.
  ///
  /// `note` is called with a text before each point is examined. Throws `InputError` where there is nothing to examine,
  /// for an objective without a gradient, and for a record that does not fit its model or data.
  public func diagnose(_ request: Request, note: (String) -> Void = { _ in }) throws -> RunDiagnosis {
    try Effort.batchesRange.require("batches", request.effort.batches)
    try Effort.directionsRange.require("directions", request.effort.directions)
    if let every = request.every { try require("every", every, "at least 1") { $0 >= 1 } }
    return try Parallel.withThreads(configuration.threads) {
      let setup = try TaskSetup(configuration)
      let objective = try setup.objective(configuration)
      return try diagnose(request, setup, on: objective, note: note)
    }
  }

  private func diagnose(
    _ request: Request, _ setup: TaskSetup, on objective: some Objective, note: (String) -> Void
  ) throws -> RunDiagnosis {
    guard objective.hasDerivatives else {
      throw InputError(
        "objective '\(configuration.objective.name)'", found: "no gradient, which estimates are compared with",
        expected: "one with a gradient, such as cross-entropy or language-modeling")
    }
    var theta = try configuration.loadParameters(of: setup.model)
    var optimizer = try configuration.makeOptimizer()
    try optimizer.validate(theta.layout)
    let matrices = try request.parts.contains(.rank) ? request.matrices(in: theta.layout) : []
    for words in setup.notes + optimizer.notes(in: theta.layout) { note(words) }
    let log = try files.map { files in
      let header = TrajectoryHeader(
        identity: configuration.identity, steps: configuration.steps, base: theta, grain: optimizer.grain,
        shards: configuration.shards, inputs: try setup.inputHashes())
      return try TrajectoryLog(files.trajectory, header: header, optimizer: optimizer, layout: theta.layout)
    }
    let end = log?.recorded.count ?? (request.every == nil ? 0 : configuration.steps)
    var looked = Set([0, end])
    if let every = request.every { looked.formUnion(stride(from: 0, through: end, by: every)) }
    let recording = RecordingObjective(objective)
    // Where there are fewer examples than a mini-batch should have, the mini-batch has all of them.
    let batch = min(configuration.batch, try setup.training().count)
    let look = Look(
      configuration: configuration, registry: registry, request: request, matrices: matrices, end: end, batch: batch,
      start: request.moves ? try Look.Start(theta, objective, configuration.steps, request.effort) : nil)
    var movement = request.moves ? Movement(from: theta) : nil
    var points: [PointDiagnosis] = []
    var notes: [String] = []
    while true {
      let step = optimizer.nextStep
      if looked.contains(step) {
        note("after \(step) of \(end) steps")
        points.append(try look.point(optimizer, theta, movement, on: objective))
      }
      guard step < end else { break }
      do {
        try optimizer.runStep(&theta, on: recording, log: log)
      } catch let error as NonFiniteError {
        notes.append("the run goes no further: \(error)")
        break
      }
      movement?.didStep(theta)
    }
    if end == 0, request.parts.contains(.layers) || request.parts.contains(.ratios) {
      notes.append("nothing has moved: layers and ratios are of a run with steps, on record or by --every")
    }
    return RunDiagnosis(name: configuration.optimizerName, points: points, notes: notes)
  }
}

extension DiagnosedRun.Request {
  /// The trained matrices that are chosen. Throws `InputError` where there is none.
  fileprivate func matrices(in layout: ParameterLayout) throws(InputError) -> [ParameterBlock] {
    let trained = layout.trainable.filter(\.isMatrix)
    guard let matrices else {
      let usual = trained.filter(BlockSelection.roles("query", "value").contains)
      return usual.isEmpty ? trained : usual
    }
    let chosen = Set(try matrices.resolve(in: layout, for: "--blocks").map(\.index))
    let found = trained.filter { chosen.contains($0.index) }
    guard !found.isEmpty else {
      throw InputError("--blocks '\(matrices)'", found: "no matrix that is trained", expected: "at least one")
    }
    return found
  }

  /// Whether a part that needs the movement of blocks is asked for.
  fileprivate var moves: Bool { parts.contains(.layers) || parts.contains(.ratios) }
}

/// The examination of one point of a run.
private struct Look {
  /// The gradient at theta_0, on mini-batches that the run itself does not use.
  struct Start {
    let gradient: StoredVector
    let losses: [Double]
    let steps: Range<Int>

    init(_ theta: borrowing ParameterStore, _ objective: some Objective, _ end: Int, _ effort: Effort) throws {
      steps = end..<(end + effort.batches)
      (gradient, losses) = try objective.meanGradient(at: theta, on: steps)
    }
  }

  let configuration: RunConfiguration
  let registry: Registry
  let request: DiagnosedRun.Request
  let matrices: [ParameterBlock]
  let end: Int
  let batch: Int
  let start: Start?

  func point(
    _ optimizer: any OptimizerProtocol, _ theta: borrowing ParameterStore, _ movement: Movement?,
    on objective: some Objective
  ) throws -> PointDiagnosis {
    let step = optimizer.nextStep
    let place = Place(optimizer, step: step, key: configuration.runKey, batch: batch)
    let effort = request.effort
    var point = PointDiagnosis(step: step)
    if request.parts.contains(.estimates) {
      point.estimates = try MetricsRow.Diagnosis(at: place, theta, on: objective, effort: effort)
    }
    // Curves and spectra change little from one point to the next, and take as long as everything else. So they are
    // computed only at both ends.
    let isEnd = step == 0 || step == end
    let options = configuration.composition.estimator.options
    if isEnd, request.parts.contains(.epsilon), options["epsilon"] != nil {
      point.epsilon = try EpsilonCurve(
        at: place, theta, on: objective, directions: max(2, effort.directions / 4),
        optimizer: { epsilon in try changed { $0.estimator.options["epsilon"] = .double(epsilon) } })
    }
    if isEnd, request.parts.contains(.queries), options["queries"] != nil {
      point.queries = try QueryCurve(
        at: place, theta, on: objective, most: effort.directions,
        optimizer: changed { $0.estimator.options["queries"] = .int(effort.directions) })
    }
    if let movement, let start, step > 0 {
      let now = try objective.meanGradient(at: theta, on: start.steps)
      if request.parts.contains(.layers) {
        point.movement = movement.point(
          after: step, theta, start: (start.gradient, start.losses), now: (now.gradient, now.losses))
      }
      if isEnd, request.parts.contains(.ratios) {
        point.ratios = try ratios(theta, movement, now.gradient, on: objective)
      }
    }
    if isEnd, request.parts.contains(.rank) { point.spectra = try spectra(theta, on: objective) }
    return point
  }

  private func ratios(
    _ theta: borrowing ParameterStore, _ movement: Movement, _ gradient: StoredVector, on objective: some Objective
  ) throws -> RatioStudy? {
    guard let start else { return nil }
    let count = request.effort.batches
    let adapter = try projection(seed: 0)
    return try RatioStudy(
      at: theta, from: movement.start, on: objective, gradient: gradient, known: start.steps,
      others: start.steps.upperBound..<(start.steps.upperBound + count), count: count, clip: adapter.clip ?? 0.2,
      optimizer: { seed in try projection(seed: seed).optimizer() })
  }

  /// The run's optimiser with a learning rate of 0 and a projection at every step. The projection is that of its own
  /// adapter where this is DiZO's, otherwise DiZO's with its defaults.
  private func projection(seed: Int) throws -> (clip: Double?, optimizer: () throws -> any OptimizerProtocol) {
    var composition = configuration.composition
    composition.seed = seed
    composition.rule.options["learning-rate"] = .double(0)
    if composition.adapter.name != "dizo" { composition.adapter = .init("dizo") }
    composition.adapter.options["interval"] = .int(1)
    let resolved = try registry.resolve(
      composition, runSteps: configuration.steps, tuning: configuration.tuning.name())
    let clip = resolved.adapterOptions["clip"] == "none" ? nil : try resolved.adapterOptions.double("clip")
    return (clip, { try resolved.makeOptimizer() })
  }

  private func spectra(
    _ theta: borrowing ParameterStore, on objective: some Objective
  ) throws -> [Spectrum] {
    let step = configuration.steps
    let (gradient, _) = try objective.meanGradient(at: theta, on: step..<(step + request.effort.batches))
    let rank: Int = if case .int(let rank)? = configuration.composition.estimator.options["rank"] { rank } else { 2 }
    return try matrices.map { block in
      try Spectrum(of: block, in: gradient, rank: rank, key: configuration.runKey.child(.diagnosis))
    }
  }

  /// The run's optimiser after a change of its composition, before its first step.
  private func changed(_ change: (inout Composition) -> Void) throws -> any OptimizerProtocol {
    var composition = configuration.composition
    change(&composition)
    return try registry.makeOptimizer(composition, runSteps: configuration.steps)
  }
}
