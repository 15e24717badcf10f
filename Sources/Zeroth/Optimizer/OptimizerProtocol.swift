/// An optimiser of any composition, as `any OptimizerProtocol`. It is for code that learns the parts at run time.
public protocol OptimizerProtocol: Sendable {
  /// The number of the next step, counted from 0.
  var nextStep: Int { get }
  /// The number of floats of state, besides the parameters, that the parts hold now.
  var stateCount: Int { get }
  /// Throws `InputError` when an option of a part is out of range or does not fit `layout`.
  func validate(_ layout: ParameterLayout) throws(InputError)
  /// Throws `InputError` unless every update has low-rank factors and nothing else moves a matrix, as a base that is
  /// never written needs.
  func requireFactors() throws(InputError)
  /// Sentences that tell a user how the options are applied to `layout` where that is not obvious.
  func notes(in layout: ParameterLayout) -> [String]
  /// Whether the losses of the estimator are those of mini-batches or of single examples.
  var grain: LossGrain { get }
  /// The number of forward passes of step `step`, with those of the adapter.
  func forwards(at step: Int, in layout: ParameterLayout) -> Int
  /// The number of forward passes of the adapter alone. Its losses are those of mini-batches.
  func adapterForwards(at step: Int) -> Int
  /// For each block of the adapter, the factor by which it was last scaled or moved, for records. Empty where the
  /// adapter has no ratios.
  func adapterRatios(in layout: ParameterLayout) -> [(block: ParameterBlock, ratio: Double)]
  /// Writes a checkpoint to `path`, together with the values that `also` names.
  func save(
    _ theta: borrowing ParameterStore, to path: String, also: (StateCoder) throws(InputError) -> Void
  ) throws(InputError)
  /// The number of bytes that `save` writes.
  func stateSize(
    with theta: borrowing ParameterStore, also: (StateCoder) throws(InputError) -> Void
  ) throws(InputError) -> Int
  /// Takes over what `save` wrote to `path`.
  mutating func restore(
    _ theta: inout ParameterStore, from path: String, also: (StateCoder) throws(InputError) -> Void
  ) throws(InputError)
  /// Whether one of the parts needs derivatives of the objective.
  var needsDerivatives: Bool { get }
  /// Whether the steps can be made again from a record of the losses alone, without the objective.
  var isReplayedFromLosses: Bool { get }
  /// The estimate at theta for the step of `context`. Neither theta nor the optimiser changes.
  func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws -> AnyEstimate
  /// The update that the rule makes from that estimate, without adapter and weight decay. Neither theta nor the
  /// optimiser changes.
  func update<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws -> any Direction
  /// Moves theta by one step. Throws `InputError` where a part needs derivatives that the objective does not have.
  @discardableResult
  mutating func takeStep<O: Objective & ~Copyable>(
    _ theta: inout ParameterStore, _ objective: borrowing O
  ) throws -> StepReport
}

extension OptimizerProtocol {
  /// Moves theta by one step. Throws `InputError` where a part needs derivatives that the objective does not have.
  @discardableResult
  public mutating func step<O: Objective & ~Copyable>(
    _ theta: inout ParameterStore, _ objective: borrowing O
  ) throws -> StepReport { try takeStep(&theta, objective) }
}

extension Optimizer: OptimizerProtocol where Estimator.Needs == LossesAlone, Adapter.Needs == LossesAlone {}

extension Optimizer {
  /// The optimiser as `any OptimizerProtocol`, whatever its parts need from an objective. An optimiser whose parts need
  /// losses alone conforms to the protocol directly.
  public var erased: any OptimizerProtocol { ErasedOptimizer(self) { error, _ in error } }
}

/// An optimiser that can be called with any objective. It throws where a part needs derivatives that the objective does
/// not have.
package struct ErasedOptimizer<Estimator: GradientEstimator, Rule: StepRule, Adapter: LayerAdapter>: OptimizerProtocol
where Rule.Direction == Estimator.Direction {
  private var optimizer: Optimizer<Estimator, Rule, Adapter>
  private let naming: @Sendable (InputError, OptimizerPart?) -> InputError

  /// Wraps `optimizer`. The errors of its parts are worded by `naming`.
  package init(
    _ optimizer: Optimizer<Estimator, Rule, Adapter>,
    naming: @escaping @Sendable (InputError, OptimizerPart?) -> InputError
  ) {
    self.optimizer = optimizer
    self.naming = naming
  }

  package var nextStep: Int { optimizer.nextStep }
  package var stateCount: Int { optimizer.stateCount }
  package var grain: LossGrain { optimizer.grain }
  package var needsDerivatives: Bool { optimizer.needsDerivatives }
  package var isReplayedFromLosses: Bool { optimizer.isReplayedFromLosses }

  package func validate(_ layout: ParameterLayout) throws(InputError) {
    try optimizer.validate(layout, naming: naming)
  }

  package func requireFactors() throws(InputError) { try optimizer.requireFactors() }

  package func notes(in layout: ParameterLayout) -> [String] {
    optimizer.notes(in: layout).map { "\(OptimizerPart.estimator.rawValue): \($0)" }
  }

  package func forwards(at step: Int, in layout: ParameterLayout) -> Int { optimizer.forwards(at: step, in: layout) }
  package func adapterForwards(at step: Int) -> Int { optimizer.adapterForwards(at: step) }
  package func adapterRatios(in layout: ParameterLayout) -> [(block: ParameterBlock, ratio: Double)] {
    optimizer.adapterRatios(in: layout)
  }

  package func save(
    _ theta: borrowing ParameterStore, to path: String, also: (StateCoder) throws(InputError) -> Void
  ) throws(InputError) { try optimizer.save(theta, to: path, also: also) }

  package func stateSize(
    with theta: borrowing ParameterStore, also: (StateCoder) throws(InputError) -> Void
  ) throws(InputError) -> Int { try optimizer.stateSize(with: theta, also: also) }

  package mutating func restore(
    _ theta: inout ParameterStore, from path: String, also: (StateCoder) throws(InputError) -> Void
  ) throws(InputError) { try optimizer.restore(&theta, from: path, also: also) }

  package func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws -> AnyEstimate { try optimizer.estimate(at: theta, context: context, objective: objective) }

  package func update<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws -> any Direction { try optimizer.update(at: theta, context: context, objective: objective) }

  @discardableResult
  package mutating func takeStep<O: Objective & ~Copyable>(
    _ theta: inout ParameterStore, _ objective: borrowing O
  ) throws -> StepReport {
    // The optimiser itself also checks its parts at the first step, but its errors are not worded by `naming`.
    if optimizer.nextStep == 0 { try validate(theta.layout) }
    return try optimizer.takeStep(&theta, objective)
  }
}

/// The parts of an optimiser, with their names in files and on command lines.
package enum OptimizerPart: String, CaseIterable, Sendable {
  case estimator, rule, adapter
}
