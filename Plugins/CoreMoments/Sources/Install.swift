import Zeroth
import ZerothStrategies

/// Adds the rules `core-momentum` and `core-adam` to `registry`. Throws `InputError` when a name is taken.
public func install(into registry: inout Registry) throws(InputError) {
  try registry.register(rule: CoreMomentumFactory())
  try registry.register(rule: CoreAdamFactory())
}

/// The rules with the default options of their initialisers.
private let usualMomentum = CoreMomentum<LowRankProbe>(learningRate: 0.0)
private let usualAdam = CoreAdam<LowRankProbe>(learningRate: 0.0)

private struct CoreMomentumFactory: CoreRuleFactory {
  let description = StrategyDescription(
    "core-momentum", summary: "Momentum of an estimator's core",
    formula:
      "M = beta M + (1 - beta) C;  theta -= eta A(M)  for the estimate A(C);  M re-expressed when A is drawn again",
    source: "LOZO; TeZO-m (arXiv 2501.19057)",
    options: OptionSpec.stepRule + [
      .beta(default: usualMomentum.beta, range: CoreMomentum<LowRankProbe>.betaRange),
      OptionSpec(
        "refresh", .choice(CoreMomentum<LowRankProbe>.Refresh.allCases.map(\.rawValue)),
        default: .value(.string(usualMomentum.refresh.rawValue)),
        "what becomes of M when A is drawn again: A(M) changes least, or M = 0"),
    ],
    state: "the core: of an m x n matrix m r with lge, r^2 with subzero, r with tezo; 1 per parameter of a vector")

  func makeCore<D: CoreDirection>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
    CoreMomentum<D>(
      learningRate: try options.learningRate(), beta: try options.double("beta"),
      refresh: try options.choice("refresh"), weightDecay: try options.weightDecay())
  }
}

private struct CoreAdamFactory: CoreRuleFactory {
  let description = StrategyDescription(
    "core-adam", summary: "Adam on an estimator's core",
    formula:
      "M = beta M + (1 - beta) C;  V = beta_2 V + (1 - beta_2) C^2;  theta -= eta A(M^ / (sqrt(V^) + zeta)), ^ bias-corrected",
    source: "SubZero+ (arXiv 2608.15665)",
    options: OptionSpec.stepRule + [.beta(default: usualAdam.beta, range: CoreAdam<LowRankProbe>.betaRange)]
      + OptionSpec.secondMoment(
        beta2: usualAdam.beta2, CoreAdam<LowRankProbe>.beta2Range, stability: usualAdam.stability,
        CoreAdam<LowRankProbe>.stabilityRange),
    state:
      "twice the core: of an m x n matrix 2 m r with lge, 2 r^2 with subzero, 2 r with tezo; 2 per parameter of a vector"
  )

  func makeCore<D: CoreDirection>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
    CoreAdam<D>(
      learningRate: try options.learningRate(), beta: try options.double("beta"), beta2: try options.double("beta2"),
      stability: try options.double("stability"), weightDecay: try options.weightDecay())
  }
}
