import Zeroth
import ZerothStrategies

/// Adds the estimator `sparse-mezo` and the optimizer `sparse-mezo` to `registry`. Throws `InputError` when a name is
/// taken.
public func install(into registry: inout Registry) throws(InputError) {
  let usual = SparseEstimator()
  try registry.register(
    estimator: StrategyDescription(
      "sparse-mezo", aliases: ["sparse"], summary: "Randomised estimate on the small weights of each block",
      formula: "g = c m z,  m_i = 1 where |theta_i| <= h_l,  h_l the quantile that makes the mask as dense as asked",
      source: "Sparse-MeZO (Liu et al. 2024, arXiv 2402.15751)",
      options: [
        OptionSpec(
          "density", .double, default: .value(.double(usual.density)), range: SparseEstimator.densityRange,
          "the part of each block's parameters that is measured and moved"),
        OptionSpec(
          "interval", .int, default: .value(.int(usual.interval)), range: SparseEstimator.intervalRange, unit: "steps",
          "after how many steps the mask is taken anew"),
        .epsilon(default: usual.epsilon, range: SparseEstimator.epsilonRange),
        .queries(default: usual.queries, range: SparseEstimator.queriesRange), .sides(default: usual.sides),
        .distribution(default: usual.distribution),
      ] + OptionSpec.queryWeights,
      forwards: "2q, or q + 1 one-sided", state: "1 bit per trainable parameter (the mask)")
  ) { options in
    SparseEstimator(
      density: try options.double("density"), interval: try options.int("interval"),
      epsilon: try options.schedule("epsilon"), queries: try options.schedule("queries"),
      sides: try options.choice("sides"), distribution: try options.choice("distribution"),
      shaping: try options.shaping(), combination: try options.combination())
  }
  try registry.register(
    optimizer: OptimizerPreset(
      "sparse-mezo", summary: "Sparse-MeZO with SGD", source: "Liu et al. 2024", tuning: "learning rate of mezo",
      Composition(estimator: .init("sparse-mezo"), rule: .init("sgd", ["learning-rate": 5e-5]))))
}
