import Zeroth

/// theta -= eta sign(g), element by element on the combined estimate g (ZO-signSGD, Liu et al. 2019); sign(0) = 0.
///
/// Every parameter of a dense estimate moves by eta. The sign of a sum is not the sum of signs. So the estimate is
/// computed in temporary memory, a few rows at a time, and the update has no low-rank factors even where the directions
/// have them.
///
/// Cost: no stored floats.
public struct ElementwiseSign<D: Direction>: StepRule {
  /// Any kind of direction.
  public typealias Direction = D
  /// The sign of the estimate, element by element.
  public typealias Update = SignDirection<D>

  /// eta, over the steps, in units of the parameters.
  public var learningRate: Schedule
  /// The weight decay lambda of each block.
  public let weightDecay: WeightDecay

  /// A rule whose steps have the size `learningRate` in every parameter.
  public init(learningRate: Schedule, weightDecay: WeightDecay = .none) {
    self.learningRate = learningRate
    self.weightDecay = weightDecay
  }

  /// Saves or restores eta. There is no other state.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.code("learning-rate", &learningRate)
  }

  /// The update -eta sign(sum_i c_i D_i).
  public mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> SignDirection<D> {
    SignDirection(
      of: WeightedSum(estimate.terms.map { (Float($0.coefficient), $0.direction) }),
      size: Float(-learningRate(at: context.step)))
  }
}

/// The direction size sign(sum_i w_i D_i), element by element.
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
