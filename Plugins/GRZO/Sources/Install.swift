import Zeroth
import ZerothStrategies

/// Adds the estimator `grzo` and the optimizer `grzo` to `registry`. Throws `InputError` when a name is taken.
public func install(into registry: inout Registry) throws(InputError) {
  let usual = FlipoutEstimator()
  try registry.register(
    estimator: StrategyDescription(
      "grzo", aliases: ["flipout"], summary: "Randomised estimate along a direction of its own for each example",
      formula:
        "g = 1/B sum_i a_i z_i,  z_i = U * (r_i s_i^T), signs r_i and s_i of example i;  a_i = (l_i+ - l_i-) / deviation over i",
      source: "GRZO (arXiv 2606.02857)",
      options: [
        .epsilon(default: usual.epsilon, range: FlipoutEstimator.epsilonRange),
        OptionSpec(
          "relative", .bool, default: .value(.bool(usual.isRelative)),
          "divides the differences by their deviation over the examples; else by 2 eps, and the estimate is unbiased"),
      ],
      forwards: "2")
  ) { options in
    FlipoutEstimator(epsilon: try options.schedule("epsilon"), isRelative: try options.bool("relative"))
  }
  try registry.register(
    optimizer: OptimizerPreset(
      "grzo", summary: "GRZO with SGD", source: "GRZO (arXiv 2606.02857)",
      tuning: "learning rate for imdb-opt (4.3 M) on SST-2, batch 16, by Benchmarks/sweeps/tune-2026.toml",
      Composition(estimator: .init("grzo"), rule: .init("sgd", ["learning-rate": 1e-3]))))
}
