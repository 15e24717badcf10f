import Zeroth

/// theta -= eta sign(c) z, the direction itself at a length that no loss decides; for q terms -eta/q sum_i sign(c_i) z_i.
///
/// What is left of the losses is one bit for each query: which side is lower. It is no elementwise sign, which is
/// `ElementwiseSign`: here a step is as long as the direction, and keeps its factors.
///
/// Cost: no stored floats.
public struct NormalizedStep<D: Direction>: StepRule {
  /// Directions of any kind, which estimates are made of.
  public typealias Direction = D
  /// A weighted sum of the estimate's directions.
  public typealias Update = WeightedSum<D>

  /// eta, over the steps.
  public var learningRate: Schedule
  /// lambda, by block.
  public let weightDecay: WeightDecay

  /// Steps of `learningRate` times the direction.
  public init(learningRate: Schedule, weightDecay: WeightDecay = .none) {
    self.learningRate = learningRate
    self.weightDecay = weightDecay
  }

  /// eta: nothing else is kept.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.code("learning-rate", &learningRate)
  }

  /// -eta/q sum_i sign(c_i) D_i; sign(0) = 0.
  public mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> WeightedSum<D> {
    let step = Float(-learningRate(at: context.step) / Double(estimate.terms.count))
    return WeightedSum(
      estimate.terms.map { term in
        (term.coefficient > 0 ? step : term.coefficient < 0 ? -step : 0, term.direction)
      })
  }
}
