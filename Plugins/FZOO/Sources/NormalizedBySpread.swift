import Zeroth

/// The rule of FZOO (arXiv 2506.09034): a step divided by the spread of the coefficients that it is made of,
///
///     sigma^2 = 1/(q - 1) sum_i (c_i - mean c)^2,   theta -= eta g / sigma
///
/// With losses l_i at theta + eps z_i and c_i = (l_i - l_0) / eps, sigma is the deviation of the l_i over eps, so that eps cancels:
/// theta -= eta/q sum_i (l_i - l_0) / sigma_l z_i. The learning rate is how far a weight goes, whatever the loss is multiplied by. It
/// takes every estimator with two queries or more, one-sided or two-sided, and keeps the factors of its directions.
///
/// Where all coefficients are the same there is no spread to go by, and theta stays.
///
/// Cost: no stored floats.
public struct NormalizedBySpread<D: Direction>: StepRule {
  /// Directions of any kind, which estimates are made of.
  public typealias Direction = D
  /// A weighted sum of the estimate's directions.
  public typealias Update = WeightedSum<D>

  /// eta, over the steps, in units of the parameters.
  public var learningRate: Schedule
  /// lambda, by block.
  public let weightDecay: WeightDecay

  /// Steps of `learningRate` over the spread.
  public init(learningRate: Schedule, weightDecay: WeightDecay = .none) {
    self.learningRate = learningRate
    self.weightDecay = weightDecay
  }

  /// Two: one coefficient has no spread.
  public var fewestQueries: Int { 2 }

  /// eta: nothing else is kept.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.code("learning-rate", &learningRate)
  }

  /// -eta/sigma sum_i w_i D_i, w_i the weights of the estimate.
  public mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> WeightedSum<D> {
    let sigma = Self.spread(of: estimate.coefficients)
    let eta = sigma > 0 ? learningRate(at: context.step) / sigma : 0
    return WeightedSum(estimate.terms.map { (Float(-eta * $0.coefficient), $0.direction) })
  }

  /// The sample deviation of `c`; 0 where it is no more than what rounding leaves of equal ones.
  static func spread(of c: Few<Double>) -> Double {
    guard c.count > 1 else { return 0 }
    let mean = c.reduce(0, +) / Double(c.count)
    let sigma = (c.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(c.count - 1)).squareRoot()
    return sigma <= 1e-14 * c.reduce(0) { max($0, abs($1)) } ? 0 : sigma
  }
}
