import Zeroth
import ZerothStrategies

/// Adds the estimator `median` to `registry`. Throws `InputError` when the name is taken.
public func install(into registry: inout Registry) throws(InputError) {
  let usual = MedianEstimator()
  try registry.register(
    estimator: StrategyDescription(
      "median", aliases: ["median-rge"], summary: "Randomised estimate by the median over the examples",
      formula: "g = c z,  c = median_j (l_j(theta + eps z) - l_j(theta - eps z)) / (2 eps) over the examples j",
      source: "Lugosi and Mendelson 2019, section 2, with groups of one",
      options: [
        .epsilon(default: usual.epsilon, range: MedianEstimator.epsilonRange),
        .distribution(default: usual.distribution),
      ] + OptionSpec.shaping,
      forwards: "2", state: "none")
  ) { options in
    MedianEstimator(
      epsilon: try options.schedule("epsilon"), distribution: try options.choice("distribution"),
      shaping: try options.shaping())
  }
}
