// error: CoordinateDirection
import Zeroth

func compose() -> any OptimizerProtocol {
  Optimizer(estimator: RandomizedEstimator(), rule: SGD<CoordinateDirection>(learningRate: 0.1), seed: 1)
}
