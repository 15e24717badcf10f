// error: this adapter needs derivatives
import Zeroth

func tune(_ theta: inout ParameterStore) throws {
  var optimizer = Optimizer(
    estimator: RandomizedEstimator(), rule: SGD(learningRate: 0.1), adapter: FirstOrderProjection(blocks: .all), seed: 1
  )
  try optimizer.step(&theta, FunctionObjective { _ in 1 })
}
