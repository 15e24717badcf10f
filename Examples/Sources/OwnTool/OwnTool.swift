import Zeroth
import ZerothCommands
import ZerothStrategies
import ZerothSupport

/// The command-line tool under a name of its own, with a rule that the package does not have.
///
///     OwnTool train --model imdb-opt --task sst2 --estimator lge --rule clipped --learning-rate 5e-5 --steps 100
@main struct OwnTool {
  static func main() { ZerothTool.main(named: "own-tool") { try $0.registry.register(rule: ClippedFactory()) } }
}

/// SGD along estimates whose coefficients are limited: theta -= eta sum_i clip(c_i) z_i.
struct Clipped<D: Direction>: StepRule {
  typealias Direction = D
  var learningRate: Schedule
  let weightDecay: WeightDecay
  let limit: Double

  mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> WeightedSum<D> {
    let eta = learningRate(at: context.step)
    return WeightedSum(estimate.terms.map { (Float(-eta * min(max($0.coefficient, -limit), limit)), $0.direction) })
  }

  mutating func codeState(_ state: StateCoder) throws(InputError) { try state.code("learning-rate", &learningRate) }
}

/// Makes the rule from options of a file or a command line.
private struct ClippedFactory: RuleFactory {
  let description = StrategyDescription(
    "clipped", summary: "SGD whose coefficients are limited", formula: "theta -= eta sum_i clip(c_i) z_i",
    source: "an example",
    options: OptionSpec.stepRule + [
      OptionSpec("limit", .double, default: .value(.double(10)), range: .positive, "the largest |c_i|")
    ])

  func make<D: Direction>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
    Clipped<D>(
      learningRate: try options.learningRate(), weightDecay: try options.weightDecay(),
      limit: try options.double("limit"))
  }
}
