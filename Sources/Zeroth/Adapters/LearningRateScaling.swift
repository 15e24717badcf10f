/// A multiplier s_l of the learning rate for each selected block. It is learned by a `RatioSearch` along the update U:
///
///     theta_l <- theta_l + s_l U_l,    s moved before every kappa-th step by the losses at theta + s U
///
/// The multipliers start at 1 and are kept from step to step. With `reinitializes`, each search starts at 1 instead; at
/// kappa = 1 it then tries the same points as the previous-iterate projection.
///
/// Cost: 2J forward passes every kappa steps; one stored number for each selected block.
public struct LearningRateScaling: LayerAdapter {
  /// The blocks that have a multiplier.
  public let blocks: BlockSelection
  /// kappa >= 1: the multipliers are changed before every kappa-th step.
  public let interval: Int
  /// The search for the multipliers.
  public let search: RatioSearch
  /// Whether each search starts at 1, and not at the multipliers found before.
  public let reinitializes: Bool
  private var state = RatioSearch.State()

  /// True: a ratio multiplies the change of a block, and low-rank factors times a number are low-rank factors again.
  public static var movesByFactors: Bool { true }

  /// The range of `interval`.
  public static let intervalRange = NumericRange.atLeast(1)

  /// Multipliers for `blocks`, which are changed every `interval` steps.
  public init(
    blocks: BlockSelection, every interval: Int = 100,
    search: RatioSearch = RatioSearch(learningRate: 0.1, epsilon: 0.1, clip: 0.2, units: .ratio),
    reinitializes: Bool = false
  ) {
    self.blocks = blocks
    self.interval = interval
    self.search = search
    self.reinitializes = reinitializes
  }

  /// Throws `InputError` when an option is out of range or no trainable block is selected.
  public func validate(_ layout: ParameterLayout, weightDecay: WeightDecay) throws(InputError) {
    try Self.intervalRange.require("interval", interval)
    try search.validate()
    try requireTrainable(blocks, in: layout)
  }

  /// 2J forward passes before every kappa-th step.
  public func forwards(at step: Int) -> Int { (step + 1) % interval == 0 ? 2 * search.moves : 0 }

  /// Saves or restores the multipliers.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("blocks", blocks)
    try state.code("ratios", &self.state.ratios)
    let count = state.layout.trainable.count(where: blocks.contains)
    guard [0, count].contains(ratios.count) else {
      throw state.error("ratios", found: "\(ratios.count) numbers", expected: "\(count), or none")
    }
  }

  /// The multipliers. A kappa-th step first changes them by a search.
  public mutating func scales<U: Direction, O: Objective & ~Copyable>(
    for update: U, at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> (scales: BlockScales, outcome: AdapterOutcome) {
    var outcome = AdapterOutcome.none
    let selected = context.layout.trainable.filter(blocks.contains)
    if ratios.isEmpty { state.ratios = selected.map { _ in 1 } }
    if forwards(at: context.step) > 0 {
      // The blocks outside the selection make their whole step too, so that both losses are measured where the update
      // would lead.
      let all = context.layout.trainable
      let places = Dictionary(uniqueKeysWithValues: zip(selected.map(\.index), selected.indices))
      func everywhere(_ factors: [Double], others: Double) -> [Double] {
        all.map { places[$0.index].map { factors[$0] } ?? others }
      }
      var state = state
      state.norms = selected.map { update.norm(on: $0) }
      if reinitializes { state.ratios = selected.map { _ in 1 } }
      outcome = try search.run(
        &state, context: context,
        measure: { (center, probe, batch) throws(O.Failure) in
          try probedLosses(
            everywhere(center, others: 1), everywhere(probe, others: 0), origin: 0, theta, batch, objective,
            sharesMemory: false
          ) { factors in PerBlock(update, all) { factors[$0] } }
        })
      self.state = state
    }
    var scales = BlockScales.ones
    for (block, ratio) in zip(selected, ratios) { scales[block] = Float(ratio) }
    return (scales, outcome)
  }

  /// The multipliers s_l, one for each selected block.
  public var ratios: [Double] { state.ratios }

  /// The multipliers, each with its block.
  public func ratios(in layout: ParameterLayout) -> [(block: ParameterBlock, ratio: Double)] {
    zip(layout.trainable.filter(blocks.contains), ratios).map { (block: $0, ratio: $1) }
  }

  /// One number for each selected block.
  public var stateCount: Int { ratios.count }
}
