import Zeroth

/// theta -= eta sign(g), elementwise on the averaged estimate (ZO-signSGD, Liu et al. 2019); sign(0) = 0.
///
/// Every parameter of a dense estimate moves by eta. The sign of a sum is no sum of signs: the estimate is formed in
/// scratch, some rows at a time, and an update has no factors, whatever the directions are.
///
/// Cost: no stored floats.
public struct ElementwiseSign<D: Direction>: StepRule {
  /// Directions of any kind, which estimates are made of.
  public typealias Direction = D
  /// The sign of the estimate, elementwise.
  public typealias Update = SignDirection<D>

  /// eta, over the steps, in units of the parameters.
  public var learningRate: Schedule
  /// lambda, by block.
  public let weightDecay: WeightDecay

  /// Steps of `learningRate` in every parameter.
  public init(learningRate: Schedule, weightDecay: WeightDecay = .none) {
    self.learningRate = learningRate
    self.weightDecay = weightDecay
  }

  /// eta: nothing else is kept.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.code("learning-rate", &learningRate)
  }

  /// -eta sign(sum_i c_i D_i).
  public mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> SignDirection<D> {
    SignDirection(
      of: WeightedSum(estimate.terms.map { (Float($0.coefficient), $0.direction) }),
      size: Float(-learningRate(at: context.step)))
  }
}

/// size sign(sum_i w_i D_i), elementwise.
public struct SignDirection<D: Direction>: Direction {
  private let sum: WeightedSum<D>
  private let size: Float

  /// `size` times the sign of `sum`.
  public init(of sum: WeightedSum<D>, size: Float) {
    self.sum = sum
    self.size = size
  }

  /// Whether a term of the sum touches `block`.
  public func touches(_ block: ParameterBlock) -> Bool { sum.touches(block) }

  /// values += scale size sign(sum[rows]).
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    let step = scale * size
    values.withUnsafeMutableBufferPointer { values in
      withScratch(values.count) { g in
        g.initialize(repeating: 0)
        var span = g.mutableSpan
        sum.add(to: &span, of: block, rows: rows, scale: 1)
        for i in 0..<values.count { values[i] += g[i] > 0 ? step : g[i] < 0 ? -step : 0 }
      }
    }
  }
}
