import Zeroth
import ZerothStrategies

/// Adds the rule `r-adazo` and the optimizer `r-adazo` to `registry`. Throws `InputError` when a name is taken.
public func install(into registry: inout Registry) throws(InputError) {
  try registry.register(rule: RefinedAdamFactory())
  try registry.register(
    optimizer: OptimizerPreset(
      "r-adazo", summary: "One-sided RGE on the sphere with a second moment of the first",
      source: "R-AdaZO (arXiv 2502.01014)",
      tuning: "learning rate for imdb-opt (4.3 M) on SST-2, batch 16, by Benchmarks/sweeps/tune-2026.toml",
      Composition(
        estimator: .init("rge", ["queries": 4, "sides": "one-sided", "distribution": "sphere"]),
        rule: .init("r-adazo", ["learning-rate": 1e-4]))))
}

/// The rule with the default options of its initialiser.
private let usual = RefinedAdam<DenseDirection>(learningRate: 0.0)

private struct RefinedAdamFactory: RuleFactory {
  let description = StrategyDescription(
    "r-adazo", aliases: ["refined-adam"], summary: "Adam whose second moment is that of the first moment",
    formula: "m = beta m + (1 - beta) g;  v = beta_2 v + (1 - beta_2) m^2;  theta -= eta m / sqrt(v + zeta)",
    source: "R-AdaZO (arXiv 2502.01014)",
    options: OptionSpec.stepRule + [.beta(default: usual.beta, range: RefinedAdam<DenseDirection>.betaRange)]
      + OptionSpec.secondMoment(
        beta2: usual.beta2, RefinedAdam<DenseDirection>.beta2Range, stability: usual.stability,
        RefinedAdam<DenseDirection>.stabilityRange),
    state: "2 per trainable parameter")

  func make<D: Direction>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
    RefinedAdam<D>(
      learningRate: try options.learningRate(), beta: try options.double("beta"),
      beta2: try options.double("beta2"), stability: try options.double("stability"),
      weightDecay: try options.weightDecay())
  }
}
