import Zeroth
import ZerothStrategies

/// Adds the rules `adam` and `scalar-adam` and the optimizers `mezo-adam` and `meazo` to `registry`. Throws `InputError`
/// when a name is taken.
public func install(into registry: inout Registry) throws(InputError) {
  try registry.register(rule: AdamFactory())
  try registry.register(rule: ScalarAdamFactory())
  try registry.register(
    optimizer: OptimizerPreset(
      "mezo-adam", summary: "RGE with Adam", source: "Malladi et al. 2023; Kingma and Ba 2015",
      tuning: "learning rate to be given", Composition(estimator: .init("rge"), rule: .init("adam"))))
  try registry.register(
    optimizer: OptimizerPreset(
      "meazo", summary: "RGE with a scalar second moment", source: "Dbouk et al. 2026",
      tuning: "learning rate to be given", Composition(estimator: .init("rge"), rule: .init("scalar-adam"))))
}

private let secondMoment = [
  OptionSpec(
    "beta2", .double, default: .value(0.999), range: .belowOne,
    "beta of the second moment, the part of it that a step keeps"),
  OptionSpec(
    "stability", .double, default: .value(1e-8), range: .positive, "zeta, beside the root of the second moment"),
]

private struct AdamFactory: RuleFactory {
  let description = StrategyDescription(
    "adam", summary: "Adam on the estimate, with stored moments and decoupled weight decay",
    formula:
      "m = beta m + (1 - beta) g;  v = beta_2 v + (1 - beta_2) g^2;  theta -= eta m^ / (sqrt(v^) + zeta), ^ bias-corrected",
    source: "Kingma and Ba 2015", options: OptionSpec.stepRule + [.beta] + secondMoment,
    state: "2 per trainable parameter")

  func make<D: Direction>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
    Adam<D>(
      learningRate: try options.learningRate(), beta: try options.double("beta"),
      beta2: try options.double("beta2"), stability: try options.double("stability"),
      weightDecay: try options.weightDecay())
  }
}

private struct ScalarAdamFactory: RuleFactory {
  let description = StrategyDescription(
    "scalar-adam", summary: "Steps divided by the root mean square of the projected gradient",
    formula: "v = beta v + (1 - beta) c^2;  theta -= eta g / (sqrt(v^) + zeta), ^ bias-corrected",
    source: "MEAZO (Dbouk et al. 2026, arXiv 2605.03869)", options: OptionSpec.stepRule + secondMoment,
    state: "1 in all (4 bytes)")

  func make<D: Direction>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
    ScalarAdam<D>(
      learningRate: try options.learningRate(), beta2: try options.double("beta2"),
      stability: try options.double("stability"), weightDecay: try options.weightDecay())
  }
}
