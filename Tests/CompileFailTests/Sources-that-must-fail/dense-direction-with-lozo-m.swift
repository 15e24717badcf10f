// error: LowRankDirection
import Zeroth

func compose() -> any OptimizerProtocol {
  Optimizer(estimator: RandomizedEstimator(), rule: LowRankMomentum(learningRate: 0.1), seed: 1)
}
