import Zeroth
import ZerothPlugin
import ZerothStrategies

/// LGE with a five-point difference:
///
///     c = (8 (L(+eps) - L(-eps)) - (L(+2 eps) - L(-2 eps))) / (12 eps),   g = c U V^T / r
///
/// Here L(a) = L(theta + a U V^T). The error is O(eps^4); that of the two-sided difference is O(eps^2). This helps
/// where the noise of the objective asks for a large eps, and the objective is strongly curved over that distance. V is
/// drawn anew every nu steps (LOZO's lazy sampling), so it can be combined with LOZO-M.
///
/// Cost: 4 forward passes; no stored floats.
public struct FivePointEstimator: RegisteredEstimator {
  /// Low-rank directions U V^T, made again from their keys.
  public typealias Direction = LowRankProbe

  /// The range of `rank`. It also has to be at most the smaller side of every matrix.
  public static let rankRange = NumericRange.between(1, 65535)
  /// The range of `interval`.
  public static let intervalRange = NumericRange.atLeast(1)
  /// The range of `epsilon`.
  public static let epsilonRange = NumericRange.positiveFloat

  /// The name, the texts and the options.
  public static let description = StrategyDescription(
    "five-point", summary: "Low-rank gradient estimate with a five-point difference",
    formula: "g = c U V^T / r,  c = (8 (L(+eps) - L(-eps)) - (L(+2 eps) - L(-2 eps))) / (12 eps)",
    source: "LOZO; the five-point stencil",
    options: [
      OptionSpec("rank", .int, default: .value(2), range: rankRange, "r, at most the smaller side of every matrix"),
      OptionSpec(
        "interval", .int, default: .value(50), range: intervalRange, unit: "steps",
        "nu, after how many steps V is drawn"),
      .epsilon(default: 1e-3, range: epsilonRange),
    ], forwards: "4")

  private let rank: Int
  private let interval: Int
  private let epsilon: Double

  /// The estimator with these options.
  public init(options: OptionValues) throws {
    rank = try options.int("rank")
    interval = try options.int("interval")
    epsilon = try options.double("epsilon")
  }

  /// Throws `InputError` when an option is out of range or the rank exceeds a side of a matrix.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try Self.rankRange.require("rank", rank)
    try Self.intervalRange.require("interval", interval)
    try Self.epsilonRange.require("epsilon", epsilon)
    for block in layout.trainable where block.isMatrix {
      try require("rank", rank, "at most the sides of block '\(block.name)'") {
        $0 <= min(block.rows, block.columns)
      }
    }
  }

  /// 4 forward passes.
  public func forwards(at step: Int, in layout: ParameterLayout) -> Int { 4 }

  /// Measures along U V^T and returns c U V^T / r.
  public mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<LowRankProbe> {
    let left = context.key.child(.left)
    let right = context.runKey.child(.right, context.step / interval)
    let eps = Float(epsilon)
    let losses = try objective.losses(
      along: LowRankProbe(rank: rank, leftKey: left, rightKey: right), at: [eps, -eps, 2 * eps, -2 * eps], from: theta,
      on: context.batch)
    let c = (8 * (losses[0] - losses[1]) - (losses[2] - losses[3])) / (12 * Double(eps))
    let direction = LowRankProbe(rank: rank, leftKey: left, rightKey: right, matrixScale: 1 / Float(rank))
    return GradientEstimate(terms: [(c, direction)], losses: losses, projectedGradient: c)
  }
}
