/// A zeroth-order optimiser, composed of an estimator, a rule and an adapter.
///
///     var optimizer = Optimizer(
///       estimator: LowRankEstimator(rank: 2, interval: 50),
///       rule: LowRankMomentum(learningRate: 1e-4, beta: 0.9),
///       adapter: DivergenceProjection(.paper, blocks: .roles("query", "value"), every: 100),
///       seed: 42)
///     try optimizer.step(&theta, objective)
///
/// The type checker decides which parts fit: a rule composes with the estimators whose directions it takes. LOZO-M with
/// RGE does not compile, because a dense direction has no factors. The same seed gives the same run, bit for bit, for
/// any number of threads.
public struct Optimizer<Estimator: GradientEstimator, Rule: StepRule, Adapter: LayerAdapter>: Sendable
where Rule.Direction == Estimator.Direction {
  /// Estimates the gradient. Its options may be changed between steps: `optimizer.estimator.epsilon = 1e-4`.
  public var estimator: Estimator
  /// Turns the estimate into an update.
  public var rule: Rule
  /// Scales and projects each block.
  public var adapter: Adapter
  /// The key of the run. The keys of all its random numbers are children of it.
  public let runKey: StreamKey
  /// What happens to a step whose losses are not finite.
  public let nonFinite: NonFinitePolicy
  /// The number of the next step, counted from 0.
  public internal(set) var nextStep = 0
  var skippedInARow = 0
  var validatedLayout: ParameterLayout?

  /// An optimiser whose random numbers follow from `seed` and are drawn by `generator`.
  public init(
    estimator: Estimator, rule: Rule, adapter: Adapter, seed: UInt64, generator: RandomGenerator = .philox,
    nonFinite: NonFinitePolicy = NonFinitePolicy()
  ) {
    self.estimator = estimator
    self.rule = rule
    self.adapter = adapter
    self.nonFinite = nonFinite
    runKey = StreamKey(seed: seed, generator: generator)
  }

  /// Throws `InputError` when an option of a part is out of range or does not fit `layout`.
  public func validate(_ layout: ParameterLayout) throws(InputError) { try validate(layout) { error, _ in error } }

  /// As above, but each error of a part is worded by `naming`. It is given the part; nil stands for the optimiser
  /// itself.
  package func validate(
    _ layout: ParameterLayout, naming: (InputError, OptimizerPart?) -> InputError
  ) throws(InputError) {
    guard !layout.trainable.isEmpty else {
      throw InputError("parameters", found: "no trainable block", expected: "at least one")
    }
    do { try estimator.validate(layout) } catch { throw naming(error, .estimator) }
    do { try rule.validate(layout) } catch { throw naming(error, .rule) }
    if rule.weightDecay.rate > 0, layout.trainable.allSatisfy({ rule.weightDecay.rate(on: $0) == 0 }) {
      throw naming(
        InputError(
          "weight-decay", found: "\(rule.weightDecay.rate), and no trainable block that decays",
          expected: "0: the blocks of \(rule.weightDecay.excluded) are left out"), .rule)
    }
    do { try adapter.validate(layout, weightDecay: rule.weightDecay) } catch { throw naming(error, .adapter) }
    guard estimator.fewestQueries >= rule.fewestQueries else {
      throw naming(
        InputError(
          "queries", found: "\(estimator.fewestQueries) in a step",
          expected: "at least \(rule.fewestQueries): the rule compares the coefficients of a step"), .estimator)
    }
    do {
      try NonFinitePolicy.limitRange.require("non-finite-limit", nonFinite.limit)
    } catch { throw naming(error, nil) }
  }

  /// Sentences that tell a user how the options of the estimator are applied to `layout` where that is not obvious.
  public func notes(in layout: ParameterLayout) -> [String] { estimator.notes(in: layout) }

  /// Whether the losses of the estimator are those of mini-batches or of single examples.
  public var grain: LossGrain { estimator.grain }

  /// The number of forward passes of step `step`, with those of the adapter.
  public func forwards(at step: Int, in layout: ParameterLayout) -> Int {
    estimator.forwards(at: step, in: layout) + adapterForwards(at: step)
  }

  /// The number of forward passes of the adapter alone. Its losses are those of mini-batches.
  public func adapterForwards(at step: Int) -> Int { adapter.forwards(at: step) }

  /// For each block of the adapter, the factor by which it was last scaled or moved, for records. Empty where the
  /// adapter has no ratios.
  public func adapterRatios(in layout: ParameterLayout) -> [(block: ParameterBlock, ratio: Double)] {
    adapter.ratios(in: layout)
  }

  /// The number of floats of state, besides the parameters, that the parts hold now.
  public var stateCount: Int { estimator.stateCount + rule.stateCount + adapter.stateCount }

  /// Whether one of the parts needs derivatives of the objective.
  public var needsDerivatives: Bool {
    Estimator.Needs.self == Derivatives.self || Adapter.Needs.self == Derivatives.self
  }

  /// Whether the steps can be made again from a record of the losses alone, without the objective.
  public var isReplayedFromLosses: Bool { estimator.isReplayedFromLosses && adapter.isReplayedFromLosses }

  /// Moves theta by one step. It does what `step(_:_:)` does, but it compiles for all parts with all objectives. It is
  /// meant for code that learns the parts at run time and calls `any OptimizerProtocol`. A part that needs derivatives
  /// of an objective without them throws `InputError`.
  ///
  /// A step whose losses are not finite leaves theta as it is. After `nonFinite.limit` such steps in a row it throws
  /// `NonFiniteError`. It also throws `InputError` for options that do not fit, the errors of the objective, and those
  /// of a part that runs foreign code.
  @discardableResult
  public mutating func takeStep<O: Objective & ~Copyable>(
    _ theta: inout ParameterStore, _ objective: borrowing O
  ) throws -> StepReport {
    if validatedLayout != theta.layout {
      try validate(theta.layout)
      if theta.keepsFactors { try requireFactors() }
      adapter.begin(theta)
      theta.roundingKey = runKey.child(.rounding)
      validatedLayout = theta.layout
    }
    let context = StepContext(step: nextStep, runKey: runKey, layout: theta.layout)
    let estimate = try estimator.estimate(at: theta, context: context, objective: objective)
    let eta = rule.learningRate(at: nextStep)
    var report = StepReport(
      step: nextStep, losses: estimate.losses, projectedGradient: estimate.projectedGradient, learningRate: eta,
      epsilon: estimate.epsilon, forwards: estimator.forwards(at: nextStep, in: theta.layout), outcome: .applied)
    guard estimate.isFinite else {
      report.outcome = .skipped
      skippedInARow += 1
      nextStep += 1
      if skippedInARow >= nonFinite.limit {
        throw NonFiniteError(
          step: report.step, inARow: skippedInARow, losses: estimate.losses, epsilon: report.epsilon)
      }
      return report
    }
    skippedInARow = 0
    let update = rule.update(from: estimate, context: context)
    try rule.check()
    if theta.keepsFactors { try requireOneV(update) }
    var (scales, outcome) = try adapter.scales(for: update, at: theta, context: context, objective: objective)
    theta.apply(update, scales: scales, scale: 1, decayFactor: decayFactor(eta, scales))
    outcome += try adapter.didApply(
      AppliedUpdate(update, scales: scales), to: &theta, context: context, objective: objective)
    try estimate.check?()
    try rule.check()
    report.forwards += adapter.forwards(at: nextStep)
    report.nonFiniteMoves = outcome.nonFiniteMoves
    nextStep += 1
    return report
  }

  /// The estimate at theta for the step of `context`. The caller chooses the context, and with it the mini-batch and
  /// the key. Neither theta nor the optimiser changes: the method is for code that examines an estimate and makes no
  /// step with it.
  ///
  /// Throws the errors that `takeStep` throws while it estimates.
  public func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws -> AnyEstimate {
    var estimator = estimator
    return try AnyEstimate(estimator.estimate(at: theta, context: context, objective: objective))
  }

  /// The update that the rule makes from the estimate at theta for the step of `context`. Without adapter and weight
  /// decay, a step would add exactly this direction to theta. Neither theta nor the optimiser changes: the method is
  /// for code that examines an update before it is made.
  ///
  /// Throws the errors that `takeStep` throws while it estimates.
  public func update<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws -> any Direction {
    var (estimator, rule) = (estimator, rule)
    let estimate = try estimator.estimate(at: theta, context: context, objective: objective)
    try estimate.check?()
    let update = rule.update(from: estimate, context: context)
    try rule.check()
    return update
  }

  /// The function 1 - eta lambda_l s_l of the block l; nil without weight decay.
  private func decayFactor(_ eta: Double, _ scales: BlockScales) -> (@Sendable (ParameterBlock) -> Float)? {
    let decay = rule.weightDecay
    guard decay.rate > 0 else { return nil }
    return { Float(1 - eta * decay.rate(on: $0) * Double(scales[$0])) }
  }
}

extension Optimizer where Estimator.Needs == LossesAlone, Adapter.Needs == LossesAlone {
  /// Moves theta by one step, measured on the mini-batch of that step.
  ///
  /// A step whose losses are not finite leaves theta as it is. After `nonFinite.limit` such steps in a row it throws
  /// `NonFiniteError`. It also throws `InputError` for options that do not fit, the errors of the objective, and those
  /// of a part that runs foreign code.
  @discardableResult
  public mutating func step<O: Objective & ~Copyable>(
    _ theta: inout ParameterStore, _ objective: borrowing O
  ) throws -> StepReport { try takeStep(&theta, objective) }
}

extension Optimizer {
  /// Moves theta by one step on an objective that can be differentiated. Any parts will do.
  @discardableResult
  public mutating func step<O: DifferentiableObjective & ~Copyable>(
    _ theta: inout ParameterStore, _ objective: borrowing O
  ) throws -> StepReport { try takeStep(&theta, objective) }
}

extension Optimizer where Estimator.Needs == LossesAlone, Adapter.Needs == LossesAlone {
  /// Moves theta by one step. It resolves the ambiguity where both of the methods above fit.
  @discardableResult
  public mutating func step<O: DifferentiableObjective & ~Copyable>(
    _ theta: inout ParameterStore, _ objective: borrowing O
  ) throws -> StepReport { try takeStep(&theta, objective) }
}

extension Optimizer where Estimator.Needs == Derivatives {
  /// Does not compile, because the estimator needs derivatives.
  @available(
    *, unavailable, message: "this estimator needs derivatives: the objective has to be a DifferentiableObjective"
  )
  public mutating func step<O: Objective & ~Copyable>(
    _ theta: inout ParameterStore, _ objective: borrowing O
  ) throws -> StepReport { preconditionFailure("it does not compile") }
}

extension Optimizer where Estimator.Needs == LossesAlone, Adapter.Needs == Derivatives {
  /// Does not compile, because the adapter needs derivatives.
  @available(
    *, unavailable, message: "this adapter needs derivatives: the objective has to be a DifferentiableObjective"
  )
  public mutating func step<O: Objective & ~Copyable>(
    _ theta: inout ParameterStore, _ objective: borrowing O
  ) throws -> StepReport { preconditionFailure("it does not compile") }
}

extension Optimizer where Adapter == NoAdapter {
  /// An optimiser without an adapter.
  public init(
    estimator: Estimator, rule: Rule, seed: UInt64, generator: RandomGenerator = .philox,
    nonFinite: NonFinitePolicy = NonFinitePolicy()
  ) {
    self.init(
      estimator: estimator, rule: rule, adapter: NoAdapter(), seed: seed, generator: generator, nonFinite: nonFinite)
  }
}
