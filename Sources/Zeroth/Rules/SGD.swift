/// theta -= eta (g + lambda theta).
///
/// Cost: no stored floats.
public struct SGD<D: Direction>: StepRule {
  /// Any kind of direction: it only has to be added.
  public typealias Direction = D
  /// The directions of the estimate, with other weights.
  public typealias Update = WeightedSum<D>

  /// The learning rate eta over the steps.
  public var learningRate: Schedule
  /// The weight decay lambda of each block.
  public let weightDecay: WeightDecay

  /// SGD at `learningRate`.
  public init(learningRate: Schedule, weightDecay: WeightDecay = .none) {
    self.learningRate = learningRate
    self.weightDecay = weightDecay
  }

  /// Saves or restores eta. There is no other state.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.code("learning-rate", &learningRate)
  }

  /// The update -eta sum_i c_i D_i.
  public mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> WeightedSum<D> {
    let eta = learningRate(at: context.step)
    return WeightedSum(estimate.terms.map { (Float(-eta * $0.coefficient), $0.direction) })
  }
}
