// error: cannot find 'objective' in scope
import Zeroth

struct Measuring: StepRule {
  typealias Direction = DenseDirection
  let learningRate: Schedule = 0.1

  mutating func update(
    from estimate: GradientEstimate<DenseDirection>, context: StepContext
  ) -> WeightedSum<DenseDirection> {
    _ = objective.loss(at: ParameterStore(context.layout), on: context.batch)
    return WeightedSum([])
  }
}
