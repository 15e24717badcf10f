import Zeroth
import ZerothStrategies

/// Adds the rules `sign` and `sign-of-projection` and the optimizer `zo-sign` to `registry`. Throws `InputError` when a name is
/// taken.
public func install(into registry: inout Registry) throws(InputError) {
  try registry.register(rule: ElementwiseSignFactory())
  try registry.register(rule: SignOfProjectionFactory())
  try registry.register(
    optimizer: OptimizerPreset(
      "zo-sign", aliases: ["zo-sign-sgd"], summary: "RGE with elementwise signs", source: "Liu et al. 2019",
      tuning: "learning rate to be given", Composition(estimator: .init("rge"), rule: .init("sign"))))
}

private struct ElementwiseSignFactory: RuleFactory {
  let description = StrategyDescription(
    "sign", aliases: ["sign-sgd"], summary: "Steps of eta in every parameter, by the sign of the averaged estimate",
    formula: "theta -= eta sign(g), elementwise", source: "ZO-signSGD (Liu et al. 2019)", options: OptionSpec.stepRule)

  func make<D: Direction>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
    ElementwiseSign<D>(learningRate: try options.learningRate(), weightDecay: try options.weightDecay())
  }
}

private struct SignOfProjectionFactory: RuleFactory {
  let description = StrategyDescription(
    "sign-of-projection",
    summary: "Steps along the direction at its own length, by the sign of the projected gradient",
    formula: "theta -= eta/q sum_i sign(c_i) z_i", source: "comparisons of two losses alone",
    options: OptionSpec.stepRule)

  func make<D: Direction>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
    SignOfProjection<D>(learningRate: try options.learningRate(), weightDecay: try options.weightDecay())
  }
}
