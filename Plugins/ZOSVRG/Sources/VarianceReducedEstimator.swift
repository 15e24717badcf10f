import Zeroth

/// ZO-SVRG (Liu et al. 2018). Every `interval` steps, theta becomes the anchor a. At the anchor the gradient is
/// estimated on B mini-batches, each along its own direction. The steps in between use this estimate to correct the
/// estimate on their own mini-batch:
///
///     at the anchor:  g = 1/B sum_b c_b(a) z_b
///     between:        g = (c(theta) - c(a)) z + 1/B sum_b c_b(a) z_b      c(theta), c(a) on one mini-batch, along one z
///
/// Here c(x) = (L(x + eps z) - L(x - eps z)) / (2 eps). The anchor's estimate is kept as pairs of a key and c_b, so no
/// gradient is stored. The weights a are stored, in d floats.
///
/// Cost: 2B forward passes at an anchor, 4 at the steps in between; stored floats for all parameters, frozen blocks
/// too, and B pairs.
public struct VarianceReducedEstimator: GradientEstimator {
  /// Dense directions z, each made again from its key.
  public typealias Direction = DenseDirection

  /// The interval, at least 1: theta becomes the anchor every `interval` steps. With 1 it is the anchor at every step,
  /// and a step is that of B mini-batches.
  public let interval: Int
  /// B, 1 to 65535: the number of mini-batches for the estimate at the anchor.
  public let anchorBatches: Int
  /// eps > 0 over the steps: how far from theta a loss is measured, in units of the parameters.
  public var epsilon: Schedule
  /// The distribution of z and z_b.
  public let distribution: NoiseDistribution
  private var anchor: Anchor?

  /// The range of `interval`.
  public static let intervalRange = NumericRange.atLeast(1)
  /// The range of `anchorBatches`.
  public static let anchorBatchesRange = NumericRange.between(1, 65535)
  /// The range of `epsilon`.
  public static let epsilonRange = NumericRange.positiveFloat

  /// ZO-SVRG with these options.
  public init(
    interval: Int = 10, anchorBatches: Int = 8, epsilon: Schedule = 1e-3, distribution: NoiseDistribution = .gaussian
  ) {
    self.interval = interval
    self.anchorBatches = anchorBatches
    self.epsilon = epsilon
    self.distribution = distribution
  }

  /// Throws `InputError` when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try Self.intervalRange.require("interval", interval)
    try Self.anchorBatchesRange.require("anchor-batches", anchorBatches)
    try epsilon.validate("epsilon", Self.epsilonRange)
  }

  /// 2B forward passes at an anchor, 4 at the steps in between.
  public func forwards(at step: Int, in layout: ParameterLayout) -> Int {
    step % interval == 0 ? 2 * anchorBatches : 4
  }

  /// The mini-batches of the anchor are draws 1 to B of its step, and the steps in between use its directions again.
  public static let traits: EstimatorTraits = [.drawsBatches, .recallsDirections]

  /// The weights of the anchor, frozen ones too, and for each pair the room of two floats for the key and two for the
  /// coefficient.
  public var stateCount: Int { anchor.map { $0.theta.layout.parameterCount + 4 * $0.records.count } ?? 0 }

  /// The pairs of a key and a coefficient c_b / B from which the anchor's estimate is made again; empty before the
  /// first step.
  public var records: [(key: StreamKey, coefficient: Double)] { anchor?.records ?? [] }

  /// Saves or restores the options, and the weights, keys and coefficients of the anchor.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("interval", interval)
    try state.require("anchor-batches", anchorBatches)
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

  /// Measures at a new anchor, or at both theta and the anchor.
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

  /// Measures on draws 1 to B of the step, and keeps theta and the pairs. Where a loss is not finite, the step is
  /// skipped and the earlier anchor stays.
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

  /// The estimate while there is no anchor because its step was skipped: RGE with two queries, which costs the same.
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
