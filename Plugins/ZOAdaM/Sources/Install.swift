import Zeroth
import ZerothStrategies

/// Adds the rule `scalar-adam` and the optimizers `mezo-adam` and `meazo` to `registry`. Throws `InputError`
/// when a name is taken.
public func install(into registry: inout Registry) throws(InputError) {
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

/// The rule with the default options of its initialiser.
private let scalarAdam = ScalarAdam<DenseDirection>(learningRate: 0.0)

private struct ScalarAdamFactory: RuleFactory {
  let description = StrategyDescription(
    "scalar-adam", summary: "Steps divided by the root mean square of the projected gradient",
    formula: "v = beta_2 v + (1 - beta_2) c^2;  theta -= eta g / (sqrt(v^) + zeta), ^ bias-corrected",
    source: "MEAZO (Dbouk et al. 2026, arXiv 2605.03869)",
    options: OptionSpec.stepRule
      + OptionSpec.secondMoment(
        beta2: scalarAdam.beta2, ScalarAdam<DenseDirection>.beta2Range, stability: scalarAdam.stability,
        ScalarAdam<DenseDirection>.stabilityRange),
    state: "1 in all (4 bytes)")

  func make<D: Direction>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
    ScalarAdam<D>(
      learningRate: try options.learningRate(), beta2: try options.double("beta2"),
      stability: try options.double("stability"), weightDecay: try options.weightDecay())
  }
}
