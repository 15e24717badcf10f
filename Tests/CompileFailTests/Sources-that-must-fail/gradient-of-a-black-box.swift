// error: this estimator needs derivatives
import Zeroth

func tune(_ theta: inout ParameterStore) throws {
  var optimizer = Optimizer(estimator: ExactGradient(), rule: SGD(learningRate: 0.1), seed: 1)
  try optimizer.step(&theta, FunctionObjective { _ in 1 })
}
