import Zeroth
import ZerothStrategies

/// Adds the estimator `tezo` and the optimizer `tezo` to `registry`. Throws `InputError` when a name is taken.
public func install(into registry: inout Registry) throws(InputError) {
  let usual = TemporalEstimator()
  try registry.register(
    estimator: StrategyDescription(
      "tezo", aliases: ["temporal-low-rank"],
      summary: "Low-rank estimate with factors of the run, of which a step draws the weights",
      formula: "g = c U diag(tau) V^T / r,  U and V normal and drawn once, tau normal;  plain noise on vectors",
      source: "TeZO (arXiv 2501.19057)",
      options: [
        OptionSpec(
          "rank", .int, default: .value(.int(usual.rank)), range: TemporalEstimator.rankRange,
          "r, the columns of U and V"),
        .epsilon(default: usual.epsilon, range: TemporalEstimator.epsilonRange),
        .queries(default: usual.queries, range: TemporalEstimator.queriesRange), .sides(default: usual.sides),
      ] + OptionSpec.queryWeights,
      forwards: "2q, or q + 1 one-sided", state: "none (U and V are made again from their key)")
  ) { options in
    TemporalEstimator(
      rank: try options.int("rank"), epsilon: try options.schedule("epsilon"),
      queries: try options.schedule("queries"), sides: try options.choice("sides"), shaping: try options.shaping(),
      combination: try options.combination())
  }
  try registry.register(
    optimizer: OptimizerPreset(
      "tezo", summary: "TeZO with SGD", source: "TeZO (arXiv 2501.19057)",
      tuning: "learning rate for imdb-opt (4.3 M) on SST-2, batch 16, by Benchmarks/sweeps/tune-2026.toml",
      Composition(estimator: .init("tezo"), rule: .init("sgd", ["learning-rate": 5e-5]))))
}
