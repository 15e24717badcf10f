/// The search that the adapters share. It finds one ratio rho_l for each block by J two-point zeroth-order steps on a
/// mini-batch, while the weights stay fixed ([DiZO] Eqs. 6-7):
///
///     gamma <- gamma - eta' [(L(gamma + eps' u) - L(gamma - eps' u)) / (2 eps')] u,   u_l standard normal
///     clipped to [(1 - tau) ||Delta_l||, (1 + tau) ||Delta_l||],   gamma_l = rho_l ||Delta_l||
///
/// The computation uses rho = gamma / ||Delta||, so a block with Delta = 0 needs no division. It keeps its ratio.
public struct RatioSearch: Sendable, Hashable {
  /// The units of eps' and eta'.
  public enum Units: String, CaseIterable, Sendable {
    /// The units of gamma = rho ||Delta||, as in the paper.
    case norm
    /// The units of rho, which is a plain number.
    case ratio
  }

  /// J >= 1: the number of moves in a search. Each costs two forward passes.
  public var moves: Int
  /// eta' >= 0: the learning rate of the ratios.
  public var learningRate: Double
  /// eps' > 0: how far from the ratios a loss is measured.
  public var epsilon: Double
  /// tau in (0, 1]: ratios stay in [1 - tau, 1 + tau]. Nil means no limit.
  public var clip: Double?
  /// The units of eps' and eta'.
  public var units: Units
  /// Whether a move of gamma is multiplied by ||Delta||, as in the released code of DiZO.
  public var scalesMoveByNorm: Bool
  /// Whether u is clipped so that probes stay in the clip range: |eps' u| <= tau ||Delta||, or tau where the units are
  /// those of the ratio. The released code does this. It needs `clip`.
  public var boundsProbe: Bool
  /// Whether each move uses a fresh mini-batch, as in the released code, instead of the mini-batch of the step.
  public var freshBatches: Bool

  /// The range of `moves`.
  public static let movesRange = NumericRange.between(1, 65535)
  /// The range of `learningRate`.
  public static let learningRateRange = NumericRange.nonNegative
  /// The range of `epsilon`.
  public static let epsilonRange = NumericRange.positiveFloat
  /// The range of `clip`.
  public static let clipRange = NumericRange.positiveFraction

  /// A search with all of its options.
  public init(
    moves: Int = 1, learningRate: Double, epsilon: Double, clip: Double?, units: Units = .norm,
    scalesMoveByNorm: Bool = false, boundsProbe: Bool = false, freshBatches: Bool = false
  ) {
    self.moves = moves
    self.learningRate = learningRate
    self.epsilon = epsilon
    self.clip = clip
    self.units = units
    self.scalesMoveByNorm = scalesMoveByNorm
    self.boundsProbe = boundsProbe
    self.freshBatches = freshBatches
  }

  func validate() throws(InputError) {
    try Self.movesRange.require("moves", moves)
    try Self.learningRateRange.require("learning-rate", learningRate)
    try Self.epsilonRange.require("epsilon", epsilon)
    if let clip { try Self.clipRange.require("clip", clip) }
    if boundsProbe, clip == nil {
      throw InputError("bounds-probe", found: "true without clip", expected: "a clip range to bound it by")
    }
  }

  /// The ratio, limited to the clip range.
  func clipped(_ ratio: Double) -> Double {
    guard let clip else { return ratio }
    return min(max(ratio, 1 - clip), 1 + clip)
  }

  /// The numbers of a search. An adapter keeps them from one search to the next, so that a search allocates nothing.
  struct State: Sendable {
    /// ||Delta_l|| of each block.
    var norms: [Double] = []
    /// rho_l of each block: at first where the search starts, afterwards what it found.
    var ratios: [Double] = []
    fileprivate var probe: [Double] = []
  }

  /// Moves the ratios of `state` J times. `measure(center, probe, batch)` gives the losses at the ratios center + probe
  /// and center - probe on a mini-batch. This is the mini-batch of the step, or with `freshBatches` draw j + 1 of the
  /// step for move j. Returns how many moves were left out because a loss was not finite.
  func run<E: Error>(
    _ state: inout State, context: StepContext,
    measure: (_ center: [Double], _ probe: [Double], _ batch: Batch) throws(E) -> Few<Double>
  ) throws(E) -> AdapterOutcome {
    var outcome = AdapterOutcome.none
    for move in 0..<moves {
      var stream = RandomStream(context.key.child(.ratio, move))
      state.probe.removeAll(keepingCapacity: true)
      for norm in state.norms {
        // A number is drawn for every block, so that the numbers of a block do not depend on which other blocks have
        // moved.
        let u = stream.gaussian()
        state.probe.append(norm > 0 ? epsilon * bounded(u, norm: norm) / unit(norm) : 0)
      }
      let losses = try measure(state.ratios, state.probe, freshBatches ? context.batch(draw: move + 1) : context.batch)
      let c = (losses[0] - losses[1]) / (2 * epsilon)
      guard c.isFinite else {
        outcome.nonFiniteMoves += 1
        continue
      }
      for l in state.ratios.indices where state.norms[l] > 0 {
        let u = state.probe[l] / epsilon  // the probe is in units of the ratio
        let step = learningRate * c * u * (scalesMoveByNorm ? state.norms[l] : 1)
        state.ratios[l] = clipped(state.ratios[l] - step)
      }
    }
    return outcome
  }

  /// The number of units of eps' and eta' in one unit of the ratio.
  private func unit(_ norm: Double) -> Double { units == .norm ? norm : 1 }

  private func bounded(_ u: Double, norm: Double) -> Double {
    guard boundsProbe, let clip else { return u }
    let bound = clip / epsilon * unit(norm)
    return min(max(u, -bound), bound)
  }
}

/// The factor of each block of a difference of weights: f_l = center_l - origin + sign probe_l.
struct ProbedFactors {
  fileprivate let center, probe: [Double]
  fileprivate let origin: Double
  fileprivate var sign = 1.0

  subscript(l: Int) -> Double { center[l] - origin + sign * probe[l] }
}

/// The losses on `batch` at theta + f D, for f = center - origin + probe and for f = center - origin - probe.
///
/// D is a difference of weights, f has one factor for each block of D, and `direction` makes f D. Where all centers
/// equal the origin, the two f differ only by their sign, so both points lie along one direction. Elsewhere they lie
/// along two directions. Both points are measured in one call, so that a model can evaluate them together. The
/// exception is `sharesMemory`: then `direction` writes the second f D into the memory of the first, so it is called a
/// second time only after the first loss is known.
func probedLosses<D: Direction, O: Objective & ~Copyable>(
  _ center: [Double], _ probe: [Double], origin: Double, _ theta: borrowing ParameterStore, _ batch: Batch,
  _ objective: borrowing O, sharesMemory: Bool, direction: (ProbedFactors) -> D
) throws(O.Failure) -> Few<Double> {
  var factors = ProbedFactors(center: center, probe: probe, origin: origin)
  if center.allSatisfy({ $0 == origin }) {
    return try objective.losses(along: direction(factors), at: [1, -1], from: theta, on: batch)
  }
  var points = Points(along: direction(factors), at: [1])
  factors.sign = -1
  guard sharesMemory else {
    points.append(direction(factors), at: [1])
    return try objective.losses(at: points, from: theta, on: batch)
  }
  let plus = try objective.losses(at: points, from: theta, on: batch)
  return plus + (try objective.losses(along: direction(factors), at: [1], from: theta, on: batch))
}
