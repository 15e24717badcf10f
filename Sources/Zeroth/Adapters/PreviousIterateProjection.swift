/// A projection like that of DiZO, but relative to the iterate before the step in place of theta_0: Delta_l = theta_l,t
/// - theta_l,t-1,
///
///     theta_l <- theta_l,t-1 + rho_l Delta_l,    rho_l found by a `RatioSearch`
///
/// Delta is the update itself, which can be made again, so nothing is stored. Weight decay cannot be combined with it,
/// because the decay of theta is not part of the update.
///
/// Cost: 2J forward passes every kappa steps; no stored floats.
public struct PreviousIterateProjection: LayerAdapter {
  /// The blocks that are projected.
  public let blocks: BlockSelection
  /// kappa >= 1: there is a projection after every kappa-th step.
  public let interval: Int
  /// The search for the ratios.
  public let search: RatioSearch
  private var state = RatioSearch.State()

  /// True: a ratio multiplies the change of a block, and low-rank factors times a number are low-rank factors again.
  public static var movesByFactors: Bool { true }

  /// The range of `interval`.
  public static let intervalRange = NumericRange.atLeast(1)

  /// The projection of `blocks` every `interval` steps.
  public init(
    blocks: BlockSelection, every interval: Int = 100,
    search: RatioSearch = RatioSearch(learningRate: 0.1, epsilon: 0.1, clip: 0.2, units: .ratio)
  ) {
    self.blocks = blocks
    self.interval = interval
    self.search = search
  }

  /// Throws `InputError` when an option is out of range, no trainable block is selected or there is weight decay.
  public func validate(_ layout: ParameterLayout, weightDecay: WeightDecay) throws(InputError) {
    try Self.intervalRange.require("interval", interval)
    try search.validate()
    try requireTrainable(blocks, in: layout)
    try require("weight-decay", weightDecay.rate, "0 with the previous-iterate projection") { $0 == 0 }
  }

  /// 2J forward passes after every kappa-th step.
  public func forwards(at step: Int) -> Int { (step + 1) % interval == 0 ? 2 * search.moves : 0 }

  /// Saves or restores the ratios of the last projection. No step depends on them; they are kept for records.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("blocks", blocks)
    try state.code("ratios", &self.state.ratios)
  }

  /// Makes a projection, if this step is a kappa-th one.
  public mutating func didApply<U: Direction, O: Objective & ~Copyable>(
    _ update: AppliedUpdate<U>, to theta: inout ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> AdapterOutcome {
    guard forwards(at: context.step) > 0 else { return .none }
    let selected = context.layout.trainable.filter(blocks.contains)
    state.norms = selected.map { update.norm(on: $0) }
    state.ratios = selected.map { _ in 1 }
    let outcome = try search.run(
      &state, context: context,
      measure: { (center, probe, batch) throws(O.Failure) in
        try probedLosses(center, probe, origin: 1, theta, batch, objective, sharesMemory: false) { factors in
          PerBlock(update, selected) { factors[$0] }
        }
      })
    theta.add(PerBlock(update, selected) { ratios[$0] - 1 }, scale: 1)
    return outcome
  }

  /// The ratios rho_l of the last projection, one for each selected block.
  public var ratios: [Double] { state.ratios }

  /// The ratios of the last projection, each with its block.
  public func ratios(in layout: ParameterLayout) -> [(block: ParameterBlock, ratio: Double)] {
    zip(layout.trainable.filter(blocks.contains), ratios).map { (block: $0, ratio: $1) }
  }
}
