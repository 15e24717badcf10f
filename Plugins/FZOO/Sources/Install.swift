import Zeroth
import ZerothStrategies

/// Adds the rule `normalized` and the optimizer `fzoo` to `registry`. Throws `InputError` when a name is taken.
public func install(into registry: inout Registry) throws(InputError) {
  try registry.register(rule: NormalizedBySpreadFactory())
  try registry.register(
    optimizer: OptimizerPreset(
      "fzoo", summary: "One-sided RGE of eight signs with steps divided by the spread of the losses",
      source: "FZOO (arXiv 2506.09034)",
      tuning: "learning rate for imdb-opt (4.3 M) on SST-2, batch 16, by Benchmarks/sweeps/tune-2026.toml",
      Composition(
        estimator: .init("rge", ["queries": 8, "sides": "one-sided", "distribution": "rademacher"]),
        rule: .init("normalized", ["learning-rate": 3e-3]))))
}

private struct NormalizedBySpreadFactory: RuleFactory {
  let description = StrategyDescription(
    "normalized",
    summary: "Steps divided by the spread of the coefficients of a step: epsilon and the scale of the loss cancel",
    formula: "theta -= eta g / sigma,  sigma^2 = 1/(q - 1) sum_i (c_i - mean c)^2;  from two queries on",
    source: "FZOO (arXiv 2506.09034)", options: OptionSpec.stepRule)

  func make<D: Direction>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
    NormalizedBySpread<D>(learningRate: try options.learningRate(), weightDecay: try options.weightDecay())
  }
}
