import Zeroth

/// theta -= eta sign(c) z: a step along the direction itself, whose length does not depend on the losses. For q terms
/// it is -eta/q sum_i sign(c_i) z_i.
///
/// Each query contributes one bit of its losses: on which side of theta the loss is lower. This is not the elementwise
/// sign of `ElementwiseSign`: a step has the length of the direction, and keeps its low-rank factors.
///
/// Cost: no stored floats.
public struct SignOfProjection<D: Direction>: StepRule {
  /// Any kind of direction.
  public typealias Direction = D
  /// A weighted sum of the estimate's directions.
  public typealias Update = WeightedSum<D>

  /// The learning rate eta over the steps.
  public var learningRate: Schedule
  /// The weight decay lambda of each block.
  public let weightDecay: WeightDecay

  /// A rule whose steps are `learningRate` times the direction.
  public init(learningRate: Schedule, weightDecay: WeightDecay = .none) {
    self.learningRate = learningRate
    self.weightDecay = weightDecay
  }

  /// Saves or restores eta. There is no other state.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.code("learning-rate", &learningRate)
  }

  /// The update -eta/q sum_i sign(c_i) D_i, where sign(0) = 0.
  public mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> WeightedSum<D> {
    let step = Float(-learningRate(at: context.step) / Double(estimate.terms.count))
    return WeightedSum(
      estimate.terms.map { term in
        (term.coefficient > 0 ? step : term.coefficient < 0 ? -step : 0, term.direction)
      })
  }
}
