/// theta -= eta (g + lambda theta).
///
/// Cost: no stored floats.
public struct SGD<D: Direction>: StepRule {
  /// Any kind of direction: the rule asks nothing of it but to be added.
  public typealias Direction = D
  /// The estimate's own directions with other weights.
  public typealias Update = WeightedSum<D>

  /// eta, over the steps.
  public var learningRate: Schedule
  /// lambda, by block.
  public let weightDecay: WeightDecay

  /// SGD at `learningRate`.
  public init(learningRate: Schedule, weightDecay: WeightDecay = .none) {
    self.learningRate = learningRate
    self.weightDecay = weightDecay
  }

  /// eta: nothing else is kept.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.code("learning-rate", &learningRate)
  }

  /// -eta sum_i c_i D_i.
  public mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> WeightedSum<D> {
    let eta = learningRate(at: context.step)
    return WeightedSum(estimate.terms.map { (Float(-eta * $0.coefficient), $0.direction) })
  }
}
