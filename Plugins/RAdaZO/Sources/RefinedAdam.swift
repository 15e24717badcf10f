import Zeroth

/// The rule of R-AdaZO (arXiv 2502.01014): Adam whose second moment is that of the first moment m, and not of the
/// estimate g,
///
///     m = beta_1 m + (1 - beta_1) g,   v = beta_2 v + (1 - beta_2) m^2,   theta -= eta m / sqrt(v + zeta)
///
/// The square of a zeroth-order estimate is mostly noise. The square of its moving average has less noise. Neither
/// moment is corrected for its start at 0, and zeta is inside the root.
///
/// Cost: 2d stored floats, of the trainable blocks.
public struct RefinedAdam<D: Direction>: StepRule {
  /// Any kind of direction.
  public typealias Direction = D
  /// The step -eta m / sqrt(v + zeta), element by element.
  public typealias Update = RefinedUpdate

  /// The learning rate eta over the steps.
  public var learningRate: Schedule
  /// beta_1 in [0, 1): the part of m that a step keeps.
  public let beta: Double
  /// beta_2 in [0, 1): the part of v that a step keeps.
  public let beta2: Double
  /// zeta > 0, which is added to v inside the root.
  public let stability: Double
  /// The weight decay lambda of each block.
  public let weightDecay: WeightDecay
  private var first: StoredVector?
  private var second: StoredVector?

  /// The range of `beta`.
  public static var betaRange: NumericRange { .belowOne }
  /// The range of `beta2`.
  public static var beta2Range: NumericRange { .belowOne }
  /// The range of `stability`, which is added to squares of m in fp32.
  public static var stabilityRange: NumericRange { .positiveFloat }

  /// R-AdaZO with the decays of its authors.
  public init(
    learningRate: Schedule, beta: Double = 0.9, beta2: Double = 0.99, stability: Double = 1e-8,
    weightDecay: WeightDecay = .none
  ) {
    self.learningRate = learningRate
    self.beta = beta
    self.beta2 = beta2
    self.stability = stability
    self.weightDecay = weightDecay
  }

  /// Throws `InputError` when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try learningRate.validate()
    try weightDecay.validate()
    try Self.betaRange.require("beta", beta)
    try Self.beta2Range.require("beta2", beta2)
    try Self.stabilityRange.require("stability", stability)
  }

  /// Updates m and v in one pass, and returns -eta m / sqrt(v + zeta).
  public mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> RefinedUpdate {
    var m = first.take() ?? StoredVector(context.layout.trainable)
    var v = second.take() ?? StoredVector(context.layout.trainable)
    let g = WeightedSum(estimate.terms.map { (Float($0.coefficient), $0.direction) })
    let (keep, gain) = (Float(beta), Float(1 - beta))
    let (secondKeep, secondGain) = (Float(beta2), Float(1 - beta2))
    m.forEachPanel(with: &v) { block, rows, m, v in
      withScratch(m.count) { values in
        values.initialize(repeating: 0)
        var span = values.mutableSpan
        if g.touches(block) { g.add(to: &span, of: block, rows: rows, scale: 1) }
        for i in 0..<m.count {
          m[i] = keep * m[i] + gain * values[i]
          v[i] = secondKeep * v[i] + secondGain * m[i] * m[i]
        }
      }
    }
    (first, second) = (m, v)
    return RefinedUpdate(
      first: m, second: v, scale: Float(-learningRate(at: context.step)), stability: Float(stability))
  }

  /// Saves or restores eta and the moments.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.code("learning-rate", &learningRate)
    try state.code("first", &first, of: state.layout.trainable)
    try state.code("second", &second, of: state.layout.trainable)
  }

  /// 2d floats after the first step, 0 before it.
  public var stateCount: Int { (first?.count ?? 0) + (second?.count ?? 0) }
}

/// The step scale m / sqrt(v + stability), computed element by element from the stored moments.
public struct RefinedUpdate: Direction {
  let first: StoredVector
  let second: StoredVector
  let scale: Float
  let stability: Float

  /// Whether `block` is trained.
  public func touches(_ block: ParameterBlock) -> Bool { first.contains(block) }

  /// values += scale times these rows of the step.
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    values.withUnsafeMutableBufferPointer { values in
      _ = first.withRows(rows, of: block) { m in
        second.withRows(rows, of: block) { v in
          for i in 0..<values.count { values[i] += scale * (self.scale * m[i] / (v[i] + stability).squareRoot()) }
        }
      }
    }
  }
}
