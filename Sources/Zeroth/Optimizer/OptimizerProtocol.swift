/// An optimiser of any composition, for code that learns the parts at run time: `any OptimizerProtocol`.
public protocol OptimizerProtocol: Sendable {
  /// The step that comes next, counted from 0.
  var nextStep: Int { get }
  /// Floats of state beyond the parameters that the parts hold now.
  var stateCount: Int { get }
  /// Throws `InputError` when an option of a part is out of range or does not fit `layout`.
  func validate(_ layout: ParameterLayout) throws(InputError)
  /// Throws `InputError` unless every update has factors and nothing else moves a matrix, as a base that is never written asks.
  func requireFactors() throws(InputError)
  /// What a user should know about how the options are used on `layout`, in words.
  func notes(in layout: ParameterLayout) -> [String]
  /// What the losses of the estimator are taken over.
  var grain: LossGrain { get }
  /// Forward passes of step `step`, those of the adapter included.
  func forwards(at step: Int, in layout: ParameterLayout) -> Int
  /// Those of the adapter alone, which are taken over mini-batches.
  func adapterForwards(at step: Int) -> Int
  /// The factor by which the adapter last scaled or moved each of its blocks, for records; empty where there is none.
  func adapterRatios(in layout: ParameterLayout) -> [(block: ParameterBlock, ratio: Double)]
  /// Writes a checkpoint to `path`, with what `also` codes.
  func save(
    _ theta: borrowing ParameterStore, to path: String, also: (StateCoder) throws(InputError) -> Void
  ) throws(InputError)
  /// Bytes that `save` writes.
  func stateSize(
    with theta: borrowing ParameterStore, also: (StateCoder) throws(InputError) -> Void
  ) throws(InputError) -> Int
  /// Takes over what `save` wrote to `path`.
  mutating func restore(
    _ theta: inout ParameterStore, from path: String, also: (StateCoder) throws(InputError) -> Void
  ) throws(InputError)
  /// Whether a part asks the objective for derivatives.
  var needsDerivatives: Bool { get }
  /// Whether a record of the losses is enough to make the steps again, without the objective.
  var isReplayedFromLosses: Bool { get }
  /// The estimate that the estimator makes at theta for the step of `context`; neither theta nor the optimiser changes.
  func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws -> AnyEstimate
  /// The update that the rule makes of that estimate, without adapter and weight decay; neither theta nor the optimiser changes.
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
  /// The optimiser behind the protocol, whatever its parts need of an objective. One whose parts need losses alone is an
  /// `OptimizerProtocol` itself.
  public var erased: any OptimizerProtocol { ErasedOptimizer(self) { error, _ in error } }
}

/// An optimiser that takes steps on any objective, and throws where it needs derivatives that an objective does not have.
package struct ErasedOptimizer<Estimator: GradientEstimator, Rule: StepRule, Adapter: LayerAdapter>: OptimizerProtocol
where Rule.Direction == Estimator.Direction {
  private var optimizer: Optimizer<Estimator, Rule, Adapter>
  private let naming: @Sendable (InputError, OptimizerPart?) -> InputError

  /// `optimizer`, whose parts' errors are worded by `naming`.
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
    // The optimiser checks its parts at its first step, and words no errors.
    if optimizer.nextStep == 0 { try validate(theta.layout) }
    return try optimizer.takeStep(&theta, objective)
  }
}

/// The parts of an optimiser, by the names that files and command lines have for them.
package enum OptimizerPart: String, CaseIterable, Sendable {
  case estimator, rule, adapter
}
