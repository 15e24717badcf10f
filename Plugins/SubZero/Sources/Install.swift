import Zeroth
import ZerothStrategies

/// Adds the estimator `subzero` and the optimizer `subzero` to `registry`. Throws `InputError` when a name is taken.
public func install(into registry: inout Registry) throws(InputError) {
  let usual = SubspaceEstimator()
  try registry.register(
    estimator: StrategyDescription(
      "subzero", aliases: ["subspace"],
      summary: "Randomised estimate in a subspace of each matrix, which is held for a while",
      formula:
        "g = c z,  z = sqrt(m n)/r U Z V^T, U and V with orthonormal columns drawn every nu steps, Z normal;  plain noise on vectors",
      source: "SubZero (arXiv 2410.08989)",
      options: [
        OptionSpec(
          "rank", .int, default: .value(.int(usual.rank)), range: SubspaceEstimator.rankRange,
          "r; cut to the smaller side of a block, which is then printed"),
        OptionSpec(
          "interval", .int, default: .value(.int(usual.interval)), range: SubspaceEstimator.intervalRange,
          unit: "steps",
          "nu, after how many steps U and V are drawn again"),
        .epsilon(default: usual.epsilon, range: SubspaceEstimator.epsilonRange),
        .queries(default: usual.queries, range: SubspaceEstimator.queriesRange), .sides(default: usual.sides),
      ] + OptionSpec.queryWeights,
      forwards: "2q, or q + 1 one-sided", state: "r (m + n) for an m x n matrix (U and V, fp32)")
  ) { options in
    SubspaceEstimator(
      rank: try options.int("rank"), interval: try options.int("interval"), epsilon: try options.schedule("epsilon"),
      queries: try options.schedule("queries"), sides: try options.choice("sides"), shaping: try options.shaping(),
      combination: try options.combination())
  }
  try registry.register(
    optimizer: OptimizerPreset(
      "subzero", summary: "SubZero with SGD", source: "SubZero (arXiv 2410.08989)",
      tuning: "learning rate for imdb-opt (4.3 M) on SST-2, batch 16, by Benchmarks/sweeps/tune-2026.toml",
      Composition(estimator: .init("subzero"), rule: .init("sgd", ["learning-rate": 5e-5]))))
}
