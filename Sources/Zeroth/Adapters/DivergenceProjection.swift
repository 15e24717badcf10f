import CZeroth

/// The projection of DiZO ([DiZO] Eqs. 5-7): every kappa steps, with Delta_l = theta_l - theta_0,l,
///
///     theta_l <- theta_0,l + rho_l Delta_l,    rho_l = gamma_l / ||Delta_l|| found by a `RatioSearch`
///
/// theta_0 is stored for the selected blocks only. A block that has not moved (Delta = 0) stays as it is.
///
/// Where matrices are a base that is never written, theta_0 of a matrix is the base, so it is not stored again. Delta =
/// B V^T is the sum of the factors beside the base, its norm is tr(B^T B V^T V)^(1/2), and the projection multiplies B
/// by rho.
///
/// Cost: 2J forward passes every kappa steps; one stored float for each element of the selected blocks, without those
/// of a base that is never written.
public struct DivergenceProjection: LayerAdapter {
  /// A published set of options.
  public enum Preset: String, CaseIterable, Sendable {
    /// The equations of the paper: the step's own mini-batch, gamma re-initialised, ratios clipped. The paper gives
    /// neither J nor eta'; J = 1 and the value of eta' were chosen in this project.
    case paper
    /// The choices of the released code: J = 10 moves, each with a fresh mini-batch, eta' = 2, bounded probes, and
    /// moves multiplied by ||Delta||.
    case released

    /// The search with the options of the preset.
    public var search: RatioSearch {
      switch self {
      case .paper: RatioSearch(moves: 1, learningRate: 0.1, epsilon: 0.1, clip: 0.2)
      case .released:
        RatioSearch(
          moves: 10, learningRate: 2, epsilon: 0.1, clip: 0.2, scalesMoveByNorm: true, boundsProbe: true,
          freshBatches: true)
      }
    }
  }

  /// The blocks that are projected.
  public let blocks: BlockSelection
  /// kappa >= 1: there is a projection after every kappa-th step.
  public let interval: Int
  /// The search for the ratios.
  public let search: RatioSearch
  /// Whether each search starts with gamma at ||Delta||, as in the paper, or with the gamma of the projection before.
  public let reinitializes: Bool
  private var selected: [ParameterBlock] = []
  private var anchor: StoredVector?
  private var state = RatioSearch.State()
  /// The value of gamma after the last projection; nil for a block that had not moved at that time.
  private var lastGamma: [Double?] = []
  private var difference: AnchoredDifference?

  /// True: a ratio multiplies the change of a block, and low-rank factors times a number are low-rank factors again.
  public static var movesByFactors: Bool { true }

  /// The range of `interval`.
  public static let intervalRange = NumericRange.atLeast(1)

  /// The projection of `preset` on `blocks`, every `interval` steps.
  public init(_ preset: Preset, blocks: BlockSelection, every interval: Int = 100) {
    self.init(blocks: blocks, every: interval, search: preset.search)
  }

  /// A projection with all of its options.
  public init(blocks: BlockSelection, every interval: Int, search: RatioSearch, reinitializes: Bool = true) {
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

  /// 2J forward passes after every kappa-th step.
  public func forwards(at step: Int) -> Int { (step + 1) % interval == 0 ? 2 * search.moves : 0 }

  /// Stores theta_0 of the selected blocks.
  public mutating func begin(_ theta: borrowing ParameterStore) {
    selected = theta.layout.trainable.filter(blocks.contains)
    var anchor = StoredVector(selected.filter { !theta.isMovedByFactors($0) })
    anchor.copy(from: theta)
    self.anchor = anchor
    difference = nil
  }

  /// Makes a projection, if this step is a kappa-th one.
  public mutating func didApply<U: Direction, O: Objective & ~Copyable>(
    _ update: AppliedUpdate<U>, to theta: inout ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> AdapterOutcome {
    guard forwards(at: context.step) > 0, let anchor else { return .none }
    for block in selected { theta.materialize(block) }  // does nothing to a base that is never written
    start(from: anchor, theta)
    let difference = ownedDifference(anchor, theta)
    defer { difference.end() }
    let selected = selected
    let outcome = try search.run(
      &state, context: context,
      measure: { (center, probe, batch) throws(O.Failure) in
        try probedLosses(center, probe, origin: 1, theta, batch, objective, sharesMemory: true) { factors in
          difference.scale(selected, by: factors)
          return difference
        }
      })
    for (block, ratio) in zip(selected, ratios) where ratio != 1 {
      if theta.isMovedByFactors(block) { theta.scaleFactors(of: block, by: Float(ratio)) }
      guard let base = anchor.address(of: block) else { continue }
      theta.withMutableBlock(block) { span in
        span.withUnsafeMutableBufferPointer { values in
          if let start = values.baseAddress { zeroth_project(values.count, Float(ratio), base, start) }
        }
      }
    }
    lastGamma.removeAll(keepingCapacity: true)
    for (ratio, norm) in zip(ratios, state.norms) { lastGamma.append(norm > 0 ? ratio * norm : nil) }
    return outcome
  }

  /// The ratios rho_l of the last projection, one for each selected block.
  public var ratios: [Double] { state.ratios }

  /// The ratios of the last projection, each with its block.
  public func ratios(in layout: ParameterLayout) -> [(block: ParameterBlock, ratio: Double)] {
    zip(layout.trainable.filter(blocks.contains), ratios).map { (block: $0, ratio: $1) }
  }

  /// Sets the norms of Delta, and the ratios at which the search starts: 1, or those of the gamma of the projection
  /// before.
  private mutating func start(from anchor: StoredVector, _ theta: borrowing ParameterStore) {
    state.norms.removeAll(keepingCapacity: true)
    state.ratios.removeAll(keepingCapacity: true)
    for (l, block) in selected.enumerated() {
      let norm = anchor.contains(block) ? anchor.distance(of: block, in: theta) : theta.stored().factorNorm(of: block)
      let gamma = reinitializes || lastGamma.isEmpty ? norm : lastGamma[l] ?? norm
      state.norms.append(norm)
      state.ratios.append(norm > 0 ? search.clipped(gamma / norm) : 1)
    }
  }

  /// The difference of theta and theta_0. A copy of this adapter does not share it.
  private mutating func ownedDifference(
    _ anchor: StoredVector, _ theta: borrowing ParameterStore
  ) -> AnchoredDifference {
    if !isKnownUniquelyReferenced(&difference) { difference = AnchoredDifference(anchor, theta.layout) }
    guard let difference else { preconditionFailure("made above") }
    difference.begin(theta, selected)
    return difference
  }

  /// Saves or restores theta_0 of the selected blocks, and the ratios and gamma of the last projection.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("blocks", blocks)
    selected = state.layout.trainable.filter(blocks.contains)
    var anchored = selected.filter { anchor?.contains($0) ?? true }.map { UInt64($0.index) }
    try state.code("anchored", &anchored)
    let stored = Set(anchored)
    try state.code("anchor", &anchor, of: selected.filter { stored.contains(UInt64($0.index)) })
    difference = nil
    try state.code("ratios", &self.state.ratios)
    // NaN stands for a block that had not moved at that time.
    var gamma = lastGamma.map { $0 ?? .nan }
    try state.code("gamma", &gamma)
    guard [0, selected.count].contains(gamma.count) else {
      throw state.error("gamma", found: "\(gamma.count) numbers", expected: "\(selected.count), or none")
    }
    lastGamma = gamma.map { $0.isNaN ? nil : $0 }
  }

  /// The number of stored floats of theta_0: one for each element of the selected blocks that are written.
  public var stateCount: Int { anchor?.count ?? 0 }
}

/// The direction sum_l f_l (theta_l - theta_0,l). It reads theta, so it is valid only while theta is not written. One
/// object serves all projections. Only one thread at a time may set its factors.
final class AnchoredDifference: Direction, @unchecked Sendable {
  private let anchor: StoredVector
  private var theta: StoredParameters?
  /// The factors of Delta for the blocks that are not in the anchor, by the index of the block.
  private var kept: [Int: (left: [Float], right: [Float], rank: Int)] = [:]
  /// The factor f of each block of the layout.
  private var factors: [Float]

  init(_ anchor: StoredVector, _ layout: ParameterLayout) {
    self.anchor = anchor
    factors = [Float](repeating: 0, count: layout.blocks.count)
  }

  /// Starts to read `theta`. Only `blocks` are asked for.
  func begin(_ theta: borrowing ParameterStore, _ blocks: [ParameterBlock]) {
    let stored = theta.stored()
    self.theta = stored
    for block in blocks where !anchor.contains(block) { kept[block.index] = stored.factors(of: block) }
  }
  /// Stops reading theta.
  func end() {
    theta = nil
    kept = [:]
  }

  /// Sets f_l of each of `blocks`. All calls have to be given the same blocks.
  func scale(_ blocks: [ParameterBlock], by probed: ProbedFactors) {
    for (l, block) in blocks.enumerated() { factors[block.index] = Float(probed[l]) }
  }

  func touches(_ block: ParameterBlock) -> Bool { factors[block.index] != 0 }

  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    let factor = factors[block.index]
    if let (left, right, rank) = kept[block.index] {
      left.withUnsafeBufferPointer { left in
        values.withUnsafeMutableBufferPointer { target in
          guard let u = left.baseAddress, let out = target.baseAddress else { return }
          zeroth_low_rank_add(
            rows.count, block.columns, rank, scale * factor, u + rows.lowerBound * rank, right, out, block.columns)
        }
      }
      return
    }
    guard let theta, let base = anchor.address(of: block) else { return }
    let first = rows.lowerBound * block.columns
    values.withUnsafeMutableBufferPointer { target in
      guard let out = target.baseAddress else { return }
      if let moved = theta.floats(of: block) {
        zeroth_axpy_difference(target.count, scale * factor, moved + first, base + first, out)
      } else {
        withScratch(target.count) { moved in
          guard let start = moved.baseAddress else { return }
          theta.read(block, rows: rows, into: start)
          zeroth_axpy_difference(target.count, scale * factor, start, base + first, out)
        }
      }
    }
  }
}

extension StoredVector {
  /// The distance ||theta_l - stored_l||, for a block that has no pending update.
  func distance(of block: ParameterBlock, in theta: borrowing ParameterStore) -> Double {
    guard let start = address(of: block) else { return 0 }
    if let values = theta.stored().floats(of: block) {
      return zeroth_sum_of_squared_differences(block.count, values, start).squareRoot()
    }
    return theta.withBlock(block) { values in
      values.withUnsafeBufferPointer {
        $0.baseAddress.map { zeroth_sum_of_squared_differences(block.count, $0, start).squareRoot() } ?? 0
      }
    }
  }
}
