import Zeroth
import ZerothStrategies

/// The rule LOZO-M of the core, registered by a library. It is the example of a rule that needs directions with factors
/// and keeps the factors. Its trajectory is that of the built-in rule, bit for bit.
public struct FactoredMomentumFactory: LowRankRuleFactory {
  /// The texts that `zeroth explain factored-momentum` prints, and the options.
  public let description = StrategyDescription(
    "factored-momentum", summary: "LOZO-M, from a library in Swift",
    formula: "N = beta N + (1 - beta) c U;  W -= eta N V^T / r;  N re-expressed when V is drawn again", source: "LOZO",
    options: OptionSpec.stepRule + [.beta], state: "r/n per parameter of an m x n matrix, 1 per parameter of a vector")

  /// The factory. It has no options of its own.
  public init() {}

  /// The rule for low-rank directions of type `D`.
  public func makeLowRank<D: LowRankDirection>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
    LowRankMomentum<D>(
      learningRate: try options.learningRate(), beta: try options.double("beta"),
      weightDecay: try options.weightDecay())
  }
}
