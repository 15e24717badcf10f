import Zeroth

/// The rule of FZOO (arXiv 2506.09034): divides a step by the spread of its coefficients,
///
///     sigma^2 = 1/(q - 1) sum_i (c_i - mean c)^2,   theta -= eta g / sigma
///
/// With one-sided losses l_i at theta + eps z_i and c_i = (l_i - l_0) / eps, sigma is the deviation of the l_i divided
/// by eps. So eps cancels: theta -= eta/q sum_i (l_i - l_0) / sigma_l z_i. The learning rate then says how far a weight
/// moves, whatever factor the loss is multiplied by. The rule takes every estimator with two or more queries, one-sided
/// or two-sided, and keeps the factors of its directions.
///
/// Where all coefficients are equal there is no spread to divide by, and theta stays as it is.
///
/// Cost: no stored floats.
public struct NormalizedBySpread<D: Direction>: StepRule {
  /// Any kind of direction.
  public typealias Direction = D
  /// A weighted sum of the estimate's directions.
  public typealias Update = WeightedSum<D>

  /// eta, over the steps, in units of the parameters.
  public var learningRate: Schedule
  /// The weight decay lambda of each block.
  public let weightDecay: WeightDecay

  /// A rule whose steps are divided by the spread.
  public init(learningRate: Schedule, weightDecay: WeightDecay = .none) {
    self.learningRate = learningRate
    self.weightDecay = weightDecay
  }

  /// 2: a single coefficient has no spread.
  public var fewestQueries: Int { 2 }

  /// Saves or restores eta. There is no other state.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.code("learning-rate", &learningRate)
  }

  /// -eta/sigma sum_i w_i D_i, where w_i are the weights of the estimate.
  public mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> WeightedSum<D> {
    let sigma = Self.spread(of: estimate.coefficients)
    let eta = sigma > 0 ? learningRate(at: context.step) / sigma : 0
    return WeightedSum(estimate.terms.map { (Float(-eta * $0.coefficient), $0.direction) })
  }

  /// The sample deviation of `c`. It is set to 0 where it is no larger than the rounding error for equal coefficients.
  static func spread(of c: Few<Double>) -> Double {
    guard c.count > 1 else { return 0 }
    let mean = c.reduce(0, +) / Double(c.count)
    let sigma = (c.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(c.count - 1)).squareRoot()
    return sigma <= 1e-14 * c.reduce(0) { max($0, abs($1)) } ? 0 : sigma
  }
}
