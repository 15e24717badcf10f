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

/// The options of the second moment that a rule has whose initialiser has these defaults.
private func secondMoment(
  beta2: Double, _ beta2Range: NumericRange, stability: Double, _ stabilityRange: NumericRange
) -> [OptionSpec] {
  [
    OptionSpec(
      "beta2", formerNames: ["second-decay"], .double, default: .value(.double(beta2)), range: beta2Range,
      "beta of the second moment, the part of it that a step keeps"),
    OptionSpec(
      "stability", .double, default: .value(.double(stability)), range: stabilityRange,
      "zeta, beside the root of the second moment"),
  ]
}

/// The rules with the options that their initialisers choose.
private let adam = Adam<DenseDirection>(learningRate: 0.0)
private let scalarAdam = ScalarAdam<DenseDirection>(learningRate: 0.0)

private struct AdamFactory: RuleFactory {
  let description = StrategyDescription(
    "adam", summary: "Adam on the estimate, with stored moments and decoupled weight decay",
    formula:
      "m = beta m + (1 - beta) g;  v = beta_2 v + (1 - beta_2) g^2;  theta -= eta m^ / (sqrt(v^) + zeta), ^ bias-corrected",
    source: "Kingma and Ba 2015",
    options: OptionSpec.stepRule + [.beta(default: adam.beta, range: Adam<DenseDirection>.betaRange)]
      + secondMoment(
        beta2: adam.beta2, Adam<DenseDirection>.beta2Range, stability: adam.stability,
        Adam<DenseDirection>.stabilityRange),
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
    source: "MEAZO (Dbouk et al. 2026, arXiv 2605.03869)",
    options: OptionSpec.stepRule
      + secondMoment(
        beta2: scalarAdam.beta2, ScalarAdam<DenseDirection>.beta2Range, stability: scalarAdam.stability,
        ScalarAdam<DenseDirection>.stabilityRange),
    state: "1 in all (4 bytes)")

  func make<D: Direction>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
    ScalarAdam<D>(
      learningRate: try options.learningRate(), beta2: try options.double("beta2"),
      stability: try options.double("stability"), weightDecay: try options.weightDecay())
  }
}
