import Zeroth
import ZerothStrategies

/// Adds the estimator `population` and the optimizer `eggroll` to `registry`. Throws `InputError` when a name is taken.
public func install(into registry: inout Registry) throws(InputError) {
  let usual = PopulationEstimator()
  try registry.register(
    estimator: StrategyDescription(
      "population", summary: "Low-rank estimate whose queries have factors of their own, as a population",
      formula: "g = 1/q sum_i c_i z_i,  z_i = A_i B_i^T / sqrt(r), A_i and B_i normal;  plain noise on vectors",
      source: "EGGROLL (arXiv 2511.16652)",
      options: [
        OptionSpec(
          "rank", .int, default: .value(.int(usual.rank)), range: PopulationEstimator.rankRange,
          "r, cut to the smaller side of a block"),
        .epsilon(default: usual.epsilon, range: PopulationEstimator.epsilonRange),
        .queries(default: usual.queries, range: PopulationEstimator.queriesRange), .sides(default: usual.sides),
      ] + OptionSpec.queryWeights,
      forwards: "2q, or q + 1 one-sided")
  ) { options in
    PopulationEstimator(
      rank: try options.int("rank"), epsilon: try options.schedule("epsilon"),
      queries: try options.schedule("queries"), sides: try options.choice("sides"), shaping: try options.shaping(),
      combination: try options.combination())
  }
  try registry.register(
    optimizer: OptimizerPreset(
      "eggroll", summary: "A population of 32 of rank 1, in pairs, weighed by their z-scores",
      source: "EGGROLL (arXiv 2511.16652)",
      tuning: "learning rate for imdb-opt (4.3 M) on SST-2, batch 16, by Benchmarks/sweeps/tune-2026.toml",
      Composition(estimator: .init("population", ["shaping": "z-score"]), rule: .init("sgd", ["learning-rate": 3e-3]))))
}
