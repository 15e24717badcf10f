import Zeroth
import ZerothStrategies

/// Adds the estimator `hizoo` and the optimizer `hizoo` to `registry`. Throws `InputError` when a name is taken.
public func install(into registry: inout Registry) throws(InputError) {
  let usual = HessianInformedEstimator()
  try registry.register(
    estimator: StrategyDescription(
      "hizoo", aliases: ["hessian-informed"], summary: "Randomised estimate along directions scaled by the curvature",
      formula:
        "g = c Sigma^{1/2} z, Sigma = 1/H;  H = (1 - alpha) H + alpha |L+ + L- - 2 L0| / (2 eps^2) H z^2, step by step",
      source: "HiZOO (Zhao et al. 2024)",
      options: [
        .epsilon(default: usual.epsilon, range: HessianInformedEstimator.epsilonRange),
        OptionSpec(
          "curvature-rate", .double, default: .value(.double(usual.curvatureRate)),
          range: HessianInformedEstimator.curvatureRateRange,
          "alpha, the part of H that a step renews; 0 keeps H = 1"),
        .distribution(default: usual.distribution, among: HessianInformedEstimator.distributions),
      ] + OptionSpec.shaping,
      forwards: "3", state: "1 per trainable parameter (H, fp32)")
  ) { options in
    HessianInformedEstimator(
      epsilon: try options.schedule("epsilon"), curvatureRate: try options.double("curvature-rate"),
      distribution: try options.choice("distribution"), shaping: try options.shaping())
  }
  try registry.register(
    optimizer: OptimizerPreset(
      "hizoo", summary: "HiZOO with SGD", source: "Zhao et al. 2024", tuning: "learning rate of mezo",
      Composition(estimator: .init("hizoo"), rule: .init("sgd", ["learning-rate": 5e-5]))))
  try registry.register(
    optimizer: OptimizerPreset(
      "hizoo-lora", summary: "HiZOO with SGD on LoRA", source: "Zhao et al. 2024",
      tuning: "learning rate for imdb-opt (4.3 M) on SST-2, batch 16, by Benchmarks/sweeps/tune-lora.toml",
      Composition(
        estimator: .init("hizoo", ["epsilon": 1e-2]), rule: .init("sgd", ["learning-rate": 2e-3])),
      of: ["method": "lora", "rank": 8, "alpha": 16.0, "blocks": "query,value"]))
}
