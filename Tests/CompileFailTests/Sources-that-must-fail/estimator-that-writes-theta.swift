// error: 'theta' is a 'let'
import Zeroth

struct InPlace: GradientEstimator {
  typealias Direction = DenseDirection

  func forwards(at step: Int, in layout: ParameterLayout) -> Int { 1 }

  mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<DenseDirection> {
    let z = DenseDirection(context.key, layout: context.layout)
    theta.add(z, scale: 1e-3)
    return GradientEstimate(
      terms: [(try objective.loss(at: theta, on: context.batch), z)], losses: [], projectedGradient: 0)
  }
}
