/// Sets or learns one scalar for each block, by which the update of a rule is scaled or projected. It does not know the
/// rule.
///
/// Laws, checked by the test kit: ratio 1 changes nothing; ratios stay in [1 - tau, 1 + tau]; blocks outside the
/// selection keep their bits; a block that has not moved causes no error; exactly `forwards(at:)` forward passes are
/// taken; a move whose losses are not finite is left out and reported.
public protocol LayerAdapter: Sendable {
  /// What the adapter needs from an objective: losses alone, or `Derivatives`.
  associatedtype Needs: ObjectiveNeeds = LossesAlone

  /// Throws `InputError` when the options do not fit `layout`, or cannot be combined with `weightDecay`.
  func validate(_ layout: ParameterLayout, weightDecay: WeightDecay) throws(InputError)

  /// The number of forward passes at step `step`, without those of the estimator.
  func forwards(at step: Int) -> Int

  /// Whether its moves can be made again from a record of its losses alone.
  var isReplayedFromLosses: Bool { get }

  /// Called once with theta_0, before the first step.
  mutating func begin(_ theta: borrowing ParameterStore)

  /// The factors by which the updates of the blocks are scaled before they are applied, and what happened to the moves
  /// that were tried to find the factors.
  ///
  /// Throws what the objective throws. Most adapters throw nothing else, and declare `throws(O.Failure)`. An adapter
  /// that runs foreign code also throws the errors of that code.
  mutating func scales<U: Direction, O: Objective & ~Copyable>(
    for update: U, at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws -> (scales: BlockScales, outcome: AdapterOutcome)

  /// Called after the update was applied. It may move theta, and returns what happened to the moves that it tried. It
  /// throws the same errors as `scales`.
  mutating func didApply<U: Direction, O: Objective & ~Copyable>(
    _ update: AppliedUpdate<U>, to theta: inout ParameterStore, context: StepContext, objective: borrowing O
  ) throws -> AdapterOutcome

  /// For each block of the adapter in `layout`, the factor by which the block was last scaled or moved, for records.
  /// Empty where the adapter has no ratios.
  func ratios(in layout: ParameterLayout) -> [(block: ParameterBlock, ratio: Double)]

  /// Whether the adapter changes theta only by directions and by multiplying factors. A base that is never written
  /// allows no other change.
  static var movesByFactors: Bool { get }

  /// The number of floats of state that the adapter holds now.
  var stateCount: Int { get }

  /// Saves or restores all values on which the next steps depend, besides theta and the options. `Optimizer.save` and
  /// `Optimizer.restore` call it. Law, checked by the test kit: a run that was saved and restored goes on bit for bit.
  ///
  /// Throws `InputError` for a checkpoint that does not fit.
  mutating func codeState(_ state: StateCoder) throws(InputError)
}

extension LayerAdapter {
  /// True: all decisions of the adapter follow from the recorded losses.
  public var isReplayedFromLosses: Bool { true }
  /// Accepts every layout.
  public func validate(_ layout: ParameterLayout, weightDecay: WeightDecay) throws(InputError) {}
  /// No forward pass at any step.
  public func forwards(at step: Int) -> Int { 0 }
  /// Stores nothing of theta_0.
  public mutating func begin(_ theta: borrowing ParameterStore) {}
  /// All factors are 1: the update is applied as the rule made it.
  public mutating func scales<U: Direction, O: Objective & ~Copyable>(
    for update: U, at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> (scales: BlockScales, outcome: AdapterOutcome) { (.ones, .none) }
  /// Leaves theta where the update moved it.
  public mutating func didApply<U: Direction, O: Objective & ~Copyable>(
    _ update: AppliedUpdate<U>, to theta: inout ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> AdapterOutcome { .none }
  /// An empty list: right for an adapter without ratios.
  public func ratios(in layout: ParameterLayout) -> [(block: ParameterBlock, ratio: Double)] { [] }
  /// False: by default an adapter may write blocks.
  public static var movesByFactors: Bool { false }
  /// 0: no state is kept from one step to the next.
  public var stateCount: Int { 0 }
  /// Saves nothing: right for an adapter without state.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {}
}

/// No adapter: updates are applied as the rule made them.
public struct NoAdapter: LayerAdapter {
  /// An adapter that does nothing.
  public init() {}
  /// True: it moves nothing at all.
  public static var movesByFactors: Bool { true }
}
