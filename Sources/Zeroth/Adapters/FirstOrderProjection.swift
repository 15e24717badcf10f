import Foundation

/// The projection of DiZO with ratios that are learnt by gradients ([DiZO] Sec. 3.2). Every kappa steps it makes J
/// steps of Adam on gamma:
///
///     theta_l <- theta_0,l + gamma_l / ||Delta_l|| Delta_l,    dL/dgamma_l = <grad_l L, Delta_l> / ||Delta_l||
///
/// Here Delta_l = theta_l - theta_0,l. The gradients are taken at the projected theta, on the step's mini-batch.
/// gamma_l stays within [1 - tau, 1 + tau] ||Delta_l||. A block that has not moved stays as it is.
///
/// Cost: J gradients every kappa steps, each counted as three forward passes. Stored floats: one for each element of
/// the selected blocks, and during a search one more for each of them and d for the gradient.
public struct FirstOrderProjection: LayerAdapter {
  /// The adapter needs the gradient of the objective.
  public typealias Needs = Derivatives

  /// The blocks that are projected.
  public let blocks: BlockSelection
  /// kappa >= 1: there is a projection after every kappa-th step.
  public let interval: Int
  /// J >= 1: the number of steps of Adam in a search.
  public let moves: Int
  /// eta' >= 0: the learning rate of Adam in the units of gamma, which are those of the parameters.
  public let learningRate: Double
  /// tau in (0, 1]: ratios stay in [1 - tau, 1 + tau]. Nil means no limit.
  public let clip: Double?
  /// Whether each search starts with gamma at ||Delta||, or with the gamma of the projection before.
  public let reinitializes: Bool
  private var selected: [ParameterBlock] = []
  private var anchor: StoredVector?
  private var ratios: [Double] = []
  /// The value of gamma after the last projection; nil for a block that had not moved at that time.
  private var lastGamma: [Double?] = []

  /// The range of `interval`.
  public static let intervalRange = NumericRange.atLeast(1)

  /// The projection of `blocks` every `interval` steps. The paper gives neither J nor eta'; the defaults were chosen in
  /// this project.
  public init(
    blocks: BlockSelection, every interval: Int = 100, moves: Int = 1, learningRate: Double = 0.1, clip: Double? = 0.2,
    reinitializes: Bool = true
  ) {
    self.blocks = blocks
    self.interval = interval
    self.moves = moves
    self.learningRate = learningRate
    self.clip = clip
    self.reinitializes = reinitializes
  }

  /// Throws `InputError` when an option is out of range or no trainable block is selected.
  public func validate(_ layout: ParameterLayout, weightDecay: WeightDecay) throws(InputError) {
    try Self.intervalRange.require("interval", interval)
    try RatioSearch.movesRange.require("moves", moves)
    try RatioSearch.learningRateRange.require("learning-rate", learningRate)
    if let clip { try RatioSearch.clipRange.require("clip", clip) }
    try requireTrainable(blocks, in: layout)
  }

  /// 3J forward passes after every kappa-th step: a gradient counts as three.
  public func forwards(at step: Int) -> Int { (step + 1) % interval == 0 ? 3 * moves : 0 }

  /// False: a record holds losses and no gradients, so it is not enough to make the steps again.
  public var isReplayedFromLosses: Bool { false }

  /// Stores theta_0 of the selected blocks.
  public mutating func begin(_ theta: borrowing ParameterStore) {
    selected = theta.layout.trainable.filter(blocks.contains)
    var anchor = StoredVector(selected)
    anchor.copy(from: theta)
    self.anchor = anchor
  }

  /// Makes a projection, if this step is a kappa-th one. Throws `InputError` for an objective without a gradient.
  public mutating func didApply<U: Direction, O: Objective & ~Copyable>(
    _ update: AppliedUpdate<U>, to theta: inout ParameterStore, context: StepContext, objective: borrowing O
  ) throws -> AdapterOutcome {
    guard forwards(at: context.step) > 0, let anchor else { return .none }
    for block in selected { theta.materialize(block) }
    let norms = selected.map { anchor.distance(of: $0, in: theta) }
    var moved = StoredVector(selected)
    moved.copy(from: theta)
    ratios = norms.indices.map { l in
      guard norms[l] > 0 else { return 1 }
      let gamma = reinitializes || lastGamma.isEmpty ? norms[l] : lastGamma[l] ?? norms[l]
      return clipped(gamma / norms[l])
    }
    var outcome = AdapterOutcome.none
    var gradient = StoredVector(context.layout.trainable)
    var moments = [(first: Double, second: Double)](repeating: (0, 0), count: selected.count)
    for move in 1...moves {
      project(&theta, from: anchor, moved)
      guard let loss = try objective.differentiate(at: theta, on: context.batch, into: &gradient) else {
        throw InputError.noDerivatives(for: "the first-order projection")
      }
      let slopes = zip(selected, norms).map { block, norm in
        norm > 0 ? gradient.product(of: block, withDifferenceOf: moved, and: anchor) / norm : 0
      }
      guard loss.isFinite, slopes.allSatisfy(\.isFinite) else {
        outcome.nonFiniteMoves += 1
        continue
      }
      for l in selected.indices where norms[l] > 0 {
        moments[l].first = 0.9 * moments[l].first + 0.1 * slopes[l]
        moments[l].second = 0.999 * moments[l].second + 0.001 * slopes[l] * slopes[l]
        let mean = moments[l].first / (1 - pow(0.9, Double(move)))
        let root = (moments[l].second / (1 - pow(0.999, Double(move)))).squareRoot()
        ratios[l] = clipped(ratios[l] - learningRate * mean / (root + 1e-8) / norms[l])
      }
    }
    project(&theta, from: anchor, moved)
    lastGamma = zip(ratios, norms).map { $1 > 0 ? $0 * $1 : nil }
    return outcome
  }

  /// theta_l = theta_0,l + rho_l (moved_l - theta_0,l).
  private func project(_ theta: inout ParameterStore, from anchor: StoredVector, _ moved: StoredVector) {
    for (block, ratio) in zip(selected, ratios) {
      guard let base = anchor.address(of: block), let end = moved.address(of: block) else { continue }
      theta.withMutableBlock(block) { values in
        for i in 0..<values.count { values[i] = ratio == 1 ? end[i] : base[i] + Float(ratio) * (end[i] - base[i]) }
      }
    }
  }

  private func clipped(_ ratio: Double) -> Double {
    guard let clip else { return ratio }
    return min(max(ratio, 1 - clip), 1 + clip)
  }

  /// The ratios of the last projection, each with its block.
  public func ratios(in layout: ParameterLayout) -> [(block: ParameterBlock, ratio: Double)] {
    zip(layout.trainable.filter(blocks.contains), ratios).map { (block: $0, ratio: $1) }
  }

  /// Saves or restores theta_0 of the selected blocks, and the ratios and gamma of the last projection.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("blocks", blocks)
    selected = state.layout.trainable.filter(blocks.contains)
    try state.code("anchor", &anchor, of: selected)
    try state.code("ratios", &ratios)
    // NaN stands for a block that had not moved at that time.
    var gamma = lastGamma.map { $0 ?? .nan }
    try state.code("gamma", &gamma)
    guard [0, selected.count].contains(gamma.count) else {
      throw state.error("gamma", found: "\(gamma.count) numbers", expected: "\(selected.count), or none")
    }
    lastGamma = gamma.map { $0.isNaN ? nil : $0 }
  }

  /// The number of stored floats of theta_0: one for each element of the selected blocks.
  public var stateCount: Int { anchor?.count ?? 0 }
}

extension StoredVector {
  /// The inner product of this vector and a - b on `block`, which all three store. It is summed in double.
  fileprivate func product(of block: ParameterBlock, withDifferenceOf a: StoredVector, and b: StoredVector) -> Double {
    guard let values = address(of: block), let a = a.address(of: block), let b = b.address(of: block) else { return 0 }
    var sum = 0.0
    for i in 0..<block.count { sum += Double(values[i]) * (Double(a[i]) - Double(b[i])) }
    return sum
  }
}
