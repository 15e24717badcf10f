import Zeroth
import ZerothStrategies

/// Adds the estimator `zo-svrg` and the optimizer `zo-svrg` to `registry`. Throws `InputError` when a name is taken.
public func install(into registry: inout Registry) throws(InputError) {
  let usual = VarianceReducedEstimator()
  try registry.register(
    estimator: StrategyDescription(
      "zo-svrg", aliases: ["variance-reduced"], summary: "Mini-batch estimates corrected by that of an anchor",
      formula:
        "g = (c(theta) - c(anchor)) z + 1/B sum_b c_b(anchor) z_b,  the anchor's estimate kept as keys and scalars",
      source: "ZO-SVRG (Liu et al. 2018); MeZO-SVRG (Gautam et al. 2024)",
      options: [
        OptionSpec(
          "interval", .int, default: .value(.int(usual.interval)), range: VarianceReducedEstimator.intervalRange,
          unit: "steps",
          "after how many steps theta becomes the anchor"),
        OptionSpec(
          "anchor-batches", .int, default: .value(.int(usual.anchorBatches)),
          range: VarianceReducedEstimator.anchorBatchesRange, unit: "mini-batches",
          "B, on which the anchor's estimate is taken, each with a direction of its own"),
        .epsilon(default: usual.epsilon, range: VarianceReducedEstimator.epsilonRange),
        .distribution(default: usual.distribution),
      ],
      forwards: "2B at an anchor, 4 between",
      state: "1 per parameter (the anchor's weights, fp32), and B pairs of key and coefficient")
  ) { options in
    VarianceReducedEstimator(
      interval: try options.int("interval"), anchorBatches: try options.int("anchor-batches"),
      epsilon: try options.schedule("epsilon"), distribution: try options.choice("distribution"))
  }
  try registry.register(
    optimizer: OptimizerPreset(
      "zo-svrg", summary: "ZO-SVRG with SGD", source: "Liu et al. 2018", tuning: "learning rate of mezo",
      Composition(estimator: .init("zo-svrg"), rule: .init("sgd", ["learning-rate": 5e-5]))))
}
