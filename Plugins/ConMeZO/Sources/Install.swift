import Zeroth
import ZerothStrategies

/// Adds the estimator `conmezo` and the optimizer `conmezo` to `registry`. Throws `InputError` when a name is taken.
public func install(into registry: inout Registry) throws(InputError) {
  let usual = ConeEstimator()
  try registry.register(
    estimator: StrategyDescription(
      "conmezo", aliases: ["cone"], summary: "Randomised estimate along directions on a cone about a momentum",
      formula:
        "g = c z,  z = sqrt(d) (cos(a) m / |m| + sin(a) u), u on the unit sphere;  m = beta m + (1 - beta) c z, step by step",
      source: "ConMeZO (AISTATS 2026)",
      options: [
        .epsilon(default: usual.epsilon, range: ConeEstimator.epsilonRange),
        OptionSpec(
          "angle", .double, default: .value(.double(usual.angle)), range: ConeEstimator.angleRange, unit: "radians",
          "a, between a direction and the momentum; pi/2 is rge on the sphere"),
        .beta(default: usual.beta, range: ConeEstimator.betaRange),
      ],
      forwards: "2", state: "1 per trainable parameter (m, fp32)")
  ) { options in
    ConeEstimator(
      epsilon: try options.schedule("epsilon"), angle: try options.double("angle"), beta: try options.double("beta"))
  }
  try registry.register(
    optimizer: OptimizerPreset(
      "conmezo", summary: "ConMeZO with SGD", source: "ConMeZO (AISTATS 2026)",
      tuning: "learning rate for imdb-opt (4.3 M) on SST-2, batch 16, by Benchmarks/sweeps/tune-2026.toml",
      Composition(estimator: .init("conmezo"), rule: .init("sgd", ["learning-rate": 3e-5]))))
}
