/// Learns or sets one scalar per block around a rule's update, without knowing the rule.
///
/// Laws, checked by the test kit: ratio 1 is the identity; ratios stay in [1 - tau, 1 + tau]; blocks outside the
/// selection keep their bits; a block that has not moved is safe; exactly `forwards(at:)` forward passes; a move whose
/// losses are not finite is left out and reported.
public protocol LayerAdapter: Sendable {
  /// What it asks of an objective: losses alone, unless it says `Derivatives`.
  associatedtype Needs: ObjectiveNeeds = LossesAlone

  /// Throws `InputError` when its options do not fit `layout`, or do not go with `weightDecay`.
  func validate(_ layout: ParameterLayout, weightDecay: WeightDecay) throws(InputError)

  /// Forward passes at step `step`, beyond the estimator's.
  func forwards(at step: Int) -> Int

  /// Whether a record of its losses is enough to make its moves again.
  var isReplayedFromLosses: Bool { get }

  /// Called once with theta_0, before the first step.
  mutating func begin(_ theta: borrowing ParameterStore)

  /// The factors by which the update of each block is scaled, before it is applied, and what became of the moves that
  /// were tried for them.
  ///
  /// Throws what the objective throws, and nothing else in most adapters: those declare `throws(O.Failure)`. One that runs
  /// foreign code throws what goes wrong there too.
  mutating func scales<U: Direction, O: Objective & ~Copyable>(
    for update: U, at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws -> (scales: BlockScales, outcome: AdapterOutcome)

  /// Called after the update was applied; may move theta, and returns what became of the moves that it tried. Throws like
  /// `scales`.
  mutating func didApply<U: Direction, O: Objective & ~Copyable>(
    _ update: AppliedUpdate<U>, to theta: inout ParameterStore, context: StepContext, objective: borrowing O
  ) throws -> AdapterOutcome

  /// The factor by which it last scaled or moved each of its blocks of `layout`, for records; empty where there is none.
  func ratios(in layout: ParameterLayout) -> [(block: ParameterBlock, ratio: Double)]

  /// Whether it moves theta by directions and by scaling factors alone, as a base that is never written has to be moved.
  static var movesByFactors: Bool { get }

  /// Floats of state that the adapter holds now.
  var stateCount: Int { get }

  /// Codes all that the next steps depend on beside theta and the options, so that a checkpoint can be written and restored
  /// (`Optimizer.save`, `Optimizer.restore`). Laws, checked by the test kit: what was saved and restored goes on bit for bit.
  ///
  /// Throws `InputError` for a checkpoint that does not fit.
  mutating func codeState(_ state: StateCoder) throws(InputError)
}

extension LayerAdapter {
  /// True: the losses on record are all that its decisions rest on.
  public var isReplayedFromLosses: Bool { true }
  /// Every layout will do.
  public func validate(_ layout: ParameterLayout, weightDecay: WeightDecay) throws(InputError) {}
  /// No forward pass at any step.
  public func forwards(at step: Int) -> Int { 0 }
  /// Keeps nothing of theta_0.
  public mutating func begin(_ theta: borrowing ParameterStore) {}
  /// All ones: the update is applied as the rule made it.
  public mutating func scales<U: Direction, O: Objective & ~Copyable>(
    for update: U, at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> (scales: BlockScales, outcome: AdapterOutcome) { (.ones, .none) }
  /// Leaves theta where the update has moved it.
  public mutating func didApply<U: Direction, O: Objective & ~Copyable>(
    _ update: AppliedUpdate<U>, to theta: inout ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> AdapterOutcome { .none }
  /// An empty list: right for an adapter that finds no ratios.
  public func ratios(in layout: ParameterLayout) -> [(block: ParameterBlock, ratio: Double)] { [] }
  /// No: it may write blocks, unless it says otherwise.
  public static var movesByFactors: Bool { false }
  /// No state from one step to the next.
  public var stateCount: Int { 0 }
  /// Keeps nothing: right for an adapter without state.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {}
}

/// No adapter: updates are applied as the rule made them.
public struct NoAdapter: LayerAdapter {
  /// The adapter that does nothing.
  public init() {}
  /// It moves nothing.
  public static var movesByFactors: Bool { true }
}
