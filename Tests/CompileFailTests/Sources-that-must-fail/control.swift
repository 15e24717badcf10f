// compiles
import Zeroth

func compose() -> any OptimizerProtocol {
  Optimizer(estimator: LowRankEstimator(), rule: LowRankMomentum(learningRate: 0.1), seed: 1)
}

func clone(_ theta: borrowing ParameterStore) -> ParameterStore { theta.clone() }
