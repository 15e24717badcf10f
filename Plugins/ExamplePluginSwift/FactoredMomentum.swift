import Zeroth
import ZerothStrategies

/// LOZO-M of the core, from a library: the example of a rule that needs directions with factors and keeps theirs. It makes the
/// same trajectory as the built-in one, bit for bit.
public struct FactoredMomentumFactory: LowRankRuleFactory {
  /// What `zeroth explain factored-momentum` says, and the options.
  public let description = StrategyDescription(
    "factored-momentum", summary: "LOZO-M, from a library in Swift",
    formula: "N = beta N + (1 - beta) c U;  W -= eta N V^T / r;  N re-expressed when V is drawn again", source: "LOZO",
    options: OptionSpec.stepRule + [.beta], state: "r/n per parameter of an m x n matrix, 1 per parameter of a vector")

  /// A factory.
  public init() {}

  /// The rule for low-rank directions of kind `D`.
  public func makeLowRank<D: LowRankDirection>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
    LowRankMomentum<D>(
      learningRate: try options.learningRate(), beta: try options.double("beta"),
      weightDecay: try options.weightDecay())
  }
}
