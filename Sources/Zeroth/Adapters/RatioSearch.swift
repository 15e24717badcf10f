/// The search that the adapters share: one ratio rho_l per block, moved J times by two-point zeroth-order steps on a
/// mini-batch, weights frozen ([DiZO] Eqs. 6-7):
///
///     gamma <- gamma - eta' [(L(gamma + eps' u) - L(gamma - eps' u)) / (2 eps')] u,   u_l standard normal
///     clipped to [(1 - tau) ||Delta_l||, (1 + tau) ||Delta_l||],   gamma_l = rho_l ||Delta_l||
///
/// It works on rho = gamma / ||Delta||, so that a block with Delta = 0 needs no division: it stays at its ratio.
public struct RatioSearch: Sendable, Hashable {
  /// In which units eps' and eta' are.
  public enum Units: String, CaseIterable, Sendable {
    /// Those of gamma = rho ||Delta||, as in the paper.
    case norm
    /// Those of rho.
    case ratio
  }

  /// J >= 1, moves in a search; each costs two forward passes.
  public var moves: Int
  /// eta' >= 0.
  public var learningRate: Double
  /// eps' > 0.
  public var epsilon: Double
  /// tau in (0, 1]: ratios stay in [1 - tau, 1 + tau]; nil does not clip.
  public var clip: Double?
  /// In which units eps' and eta' are.
  public var units: Units
  /// Multiplies a move of gamma by ||Delta||, as the released code of DiZO does.
  public var scalesMoveByNorm: Bool
  /// Clips u so that probes stay in the clip range, |eps' u| <= tau ||Delta|| (tau in units of the ratio), as the
  /// released code does; needs `clip`.
  public var boundsProbe: Bool
  /// Draws a fresh mini-batch for each move, as the released code does, instead of keeping the step's.
  public var freshBatches: Bool

  /// What `moves` takes.
  public static let movesRange = NumericRange.between(1, 65535)
  /// What `learningRate` takes.
  public static let learningRateRange = NumericRange.nonNegative
  /// What `epsilon` takes.
  public static let epsilonRange = NumericRange.positiveFloat
  /// What `clip` takes.
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

  /// rho_l within the clip range.
  func clipped(_ ratio: Double) -> Double {
    guard let clip else { return ratio }
    return min(max(ratio, 1 - clip), 1 + clip)
  }

  /// The numbers of a search. An adapter keeps them from one to the next, so that a search allocates nothing.
  struct State: Sendable {
    /// ||Delta_l|| of the blocks.
    var norms: [Double] = []
    /// rho_l: where the search starts, and then what it found.
    var ratios: [Double] = []
    fileprivate var probe: [Double] = []
  }

  /// Moves the ratios of `state` J times. `measure(center, probe, batch)` gives the losses at the ratios center + probe
  /// and center - probe on a mini-batch: the step's own, or draw number j + 1 of the step for move number j. Returns how
  /// many moves were left out because a loss was not finite.
  func run<E: Error>(
    _ state: inout State, context: StepContext,
    measure: (_ center: [Double], _ probe: [Double], _ batch: Batch) throws(E) -> Few<Double>
  ) throws(E) -> AdapterOutcome {
    var outcome = AdapterOutcome.none
    for move in 0..<moves {
      var stream = RandomStream(context.key.child(.ratio, move))
      state.probe.removeAll(keepingCapacity: true)
      for norm in state.norms {
        // Drawn for every block, so that the others' numbers do not depend on which blocks have moved.
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
        let u = state.probe[l] / epsilon  // already per unit
        let step = learningRate * c * u * (scalesMoveByNorm ? state.norms[l] : 1)
        state.ratios[l] = clipped(state.ratios[l] - step)
      }
    }
    return outcome
  }

  /// What one unit of gamma is in ratios, inverted.
  private func unit(_ norm: Double) -> Double { units == .norm ? norm : 1 }

  private func bounded(_ u: Double, norm: Double) -> Double {
    guard boundsProbe, let clip else { return u }
    let bound = clip / epsilon * unit(norm)
    return min(max(u, -bound), bound)
  }
}

/// What each block of a difference is scaled by: f_l = center_l - origin + sign probe_l.
struct ProbedFactors {
  fileprivate let center, probe: [Double]
  fileprivate let origin: Double
  fileprivate var sign = 1.0

  subscript(l: Int) -> Double { center[l] - origin + sign * probe[l] }
}

/// The losses on `batch` at theta + f D, for f = center - origin + probe and for f = center - origin - probe.
///
/// D is a difference of weights, and f has a factor for each block of it. `direction` makes f D. Where every center is at
/// the origin, the two f differ by their sign alone, and both points are along one direction. Elsewhere they are along
/// two. Both are measured in one call, which a model evaluates together, unless `sharesMemory`: then `direction` makes the second f D in the memory of
/// the first, and is asked for it after the first loss is known.
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
