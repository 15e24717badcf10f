import Zeroth

/// ZO-SVRG (Liu et al. 2018): every `interval` steps theta becomes the anchor a, where the gradient is estimated on B
/// mini-batches, each with a direction of its own; the steps between correct their mini-batch's estimate by it:
///
///     at the anchor:  g = 1/B sum_b c_b(a) z_b
///     between:        g = (c(theta) - c(a)) z + 1/B sum_b c_b(a) z_b      c(theta), c(a) on one mini-batch, along one z
///
/// with c(x) = (L(x + eps z) - L(x - eps z)) / (2 eps). What is kept of the anchor's estimate is the pairs of key and
/// c_b: no gradient is stored. The weights a are, in d floats.
///
/// Cost: 2B forward passes at an anchor, 4 between; d stored floats, frozen blocks too, and B pairs.
public struct VarianceReducedEstimator: GradientEstimator {
  /// Dense directions z, each made again from its key.
  public typealias Direction = DenseDirection

  /// At least 1: theta becomes the anchor every so many steps; at 1 it always is, and the step one of B mini-batches.
  public let interval: Int
  /// B >= 1, the mini-batches that the anchor's estimate is taken on.
  public let anchorBatches: Int
  /// eps > 0 over the steps, in units of the parameters.
  public var epsilon: Schedule
  /// How z and z_b are drawn.
  public let distribution: NoiseDistribution
  private var anchor: Anchor?

  /// What `interval` takes.
  public static let intervalRange = NumericRange.atLeast(1)
  /// What `anchorBatches` takes.
  public static let anchorBatchesRange = NumericRange.atLeast(1)
  /// What `epsilon` takes.
  public static let epsilonRange = NumericRange.positiveFloat

  /// ZO-SVRG with anchors of `anchorBatches` mini-batches.
  public init(
    interval: Int = 10, anchorBatches: Int = 8, epsilon: Schedule = 1e-3, distribution: NoiseDistribution = .gaussian
  ) {
    self.interval = interval
    self.anchorBatches = anchorBatches
    self.epsilon = epsilon
    self.distribution = distribution
  }

  /// Throws when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try Self.intervalRange.require("interval", interval)
    try Self.anchorBatchesRange.require("anchor-batches", anchorBatches)
    try epsilon.validate("epsilon", Self.epsilonRange)
  }

  /// 2B at an anchor, 4 between.
  public func forwards(at step: Int, in layout: ParameterLayout) -> Int {
    step % interval == 0 ? 2 * anchorBatches : 4
  }

  /// The anchor's mini-batches are the draws 1 to B of its step, and the steps between recall its directions.
  public static let traits: EstimatorTraits = [.drawsBatches, .recallsDirections]

  /// The anchor's weights, frozen ones too, and two floats' room for each key and each coefficient.
  public var stateCount: Int { anchor.map { $0.theta.layout.parameterCount + 4 * $0.records.count } ?? 0 }

  /// The pairs of key and coefficient c_b / B that the anchor's estimate is made of again; empty before the first step.
  public var records: [(key: StreamKey, coefficient: Double)] { anchor?.records ?? [] }

  /// The anchor's weights, keys and coefficients.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("interval", interval)
    try state.require("distribution", distribution.rawValue)
    try state.code("epsilon", &epsilon)
    guard try state.codePresence("anchor", anchor != nil) else {
      anchor = nil
      return
    }
    var theta = state.isRestoring ? ParameterStore(state.layout) : anchor?.theta.clone() ?? ParameterStore(state.layout)
    var keys = records.map(\.key)
    var coefficients = records.map(\.coefficient)
    try state.code("anchor.theta", &theta)
    try state.code("anchor.keys", &keys)
    try state.code("anchor.coefficients", &coefficients, count: keys.count)
    guard state.isRestoring else { return }
    anchor = Anchor(
      theta: theta, records: zip(keys, coefficients).map { ($0, $1) })
  }

  /// Measures at a new anchor, or at theta and the anchor.
  public mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<DenseDirection> {
    if context.step % interval == 0 { return try moveAnchor(to: theta, context, objective) }
    guard let anchor else { return try withoutAnchor(theta, context, objective) }
    let z = direction(context.key.child(.query), context)
    let here = try differences([z], at: theta, context.step, context.batch, objective)
    let there = try differences([z], at: anchor.theta, context.step, context.batch, objective)
    let correction = here.terms[0].coefficient - there.terms[0].coefficient
    return GradientEstimate(
      terms: [(correction, z)] + Few(anchor.records).map { ($0.coefficient, direction($0.key, context)) },
      losses: here.losses + there.losses,
      projectedGradient: anchor.records.reduce(correction) { $0 + $1.coefficient })
  }

  /// Measures on the draws 1 to B of the step and keeps theta and the records: unless a loss is not finite, when the
  /// step is skipped and the anchor before stays.
  private mutating func moveAnchor<O: Objective & ~Copyable>(
    to theta: borrowing ParameterStore, _ context: StepContext, _ objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<DenseDirection> {
    var records: [(key: StreamKey, coefficient: Double)] = []
    var losses: Few<Double> = []
    for b in 1...anchorBatches {
      let key = context.key.child(.query, b)
      let measured = try differences(
        [direction(key, context)], at: theta, context.step, context.batch(draw: b), objective)
      records.append((key, measured.terms[0].coefficient / Double(anchorBatches)))
      losses += measured.losses
    }
    let estimate = GradientEstimate(
      terms: Few(records).map { ($0.coefficient, direction($0.key, context)) }, losses: losses,
      projectedGradient: records.reduce(0) { $0 + $1.coefficient })
    if estimate.isFinite { anchor = Anchor(theta: theta.clone(), records: records) }
    return estimate
  }

  /// Before there is an anchor, its step having been skipped: RGE of two queries, at the same cost.
  private func withoutAnchor<O: Objective & ~Copyable>(
    _ theta: borrowing ParameterStore, _ context: StepContext, _ objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<DenseDirection> {
    try differences(
      Few(count: 2) { direction(context.key.child(.query, $0), context) }, at: theta, context.step, context.batch,
      objective)
  }

  private func differences<O: Objective & ~Copyable>(
    _ directions: Few<DenseDirection>, at theta: borrowing ParameterStore, _ step: Int, _ batch: Batch,
    _ objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<DenseDirection> {
    try finiteDifferences(of: objective, at: theta, along: directions, on: batch, epsilon: epsilon(at: step))
  }

  private func direction(_ key: StreamKey, _ context: StepContext) -> DenseDirection {
    DenseDirection(key, distribution: distribution, layout: context.layout)
  }
}

/// The weights of an earlier step, and the estimate there.
private final class Anchor: Sendable {
  let theta: ParameterStore
  let records: [(key: StreamKey, coefficient: Double)]

  init(theta: consuming ParameterStore, records: [(key: StreamKey, coefficient: Double)]) {
    self.theta = theta
    self.records = records
  }
}
