import Foundation

/// Adam on the estimate g (Kingma and Ba 2015), with decoupled weight decay (Loshchilov and Hutter 2019):
///
///     m = beta_1 m + (1 - beta_1) g,   v = beta_2 v + (1 - beta_2) g^2
///     theta -= eta (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + zeta)         t updates so far, with this one
///
/// Weight decay is applied by the framework: it is eta lambda theta, without the division by sqrt(v), and blocks of one
/// column do not decay.
///
/// Cost: 2d stored floats, of the trainable blocks.
public struct Adam<D: Direction>: StepRule {
  /// Any kind of direction.
  public typealias Direction = D
  /// The step -eta m / sqrt(v), with bias correction, element by element.
  public typealias Update = AdamUpdate

  /// The learning rate eta over the steps.
  public var learningRate: Schedule
  /// beta_1 in [0, 1): the part of m that a step keeps.
  public let beta: Double
  /// beta_2 in [0, 1): the part of v that a step keeps.
  public let beta2: Double
  /// zeta > 0, which is added to the root of v.
  public let stability: Double
  /// The weight decay lambda of each block.
  public let weightDecay: WeightDecay
  private var moments: (first: StoredVector, second: StoredVector)?
  private var updates = 0

  /// The range of `beta`.
  public static var betaRange: NumericRange { .belowOne }
  /// The range of `beta2`.
  public static var beta2Range: NumericRange { .belowOne }
  /// The range of `stability`.
  public static var stabilityRange: NumericRange { .positiveFloat }

  /// Adam with the decays beta_1 and beta_2.
  public init(
    learningRate: Schedule, beta: Double = 0.9, beta2: Double = 0.999, stability: Double = 1e-8,
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

  /// Updates m and v in one pass, and returns the step that they give.
  public mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> AdamUpdate {
    let zeros = { StoredVector(context.layout.trainable) }
    var (m, v) = moments.take() ?? (zeros(), zeros())
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
          v[i] = secondKeep * v[i] + secondGain * values[i] * values[i]
        }
      }
    }
    moments = (m, v)
    updates += 1
    return AdamUpdate(
      first: m, second: v, scale: Float(-learningRate(at: context.step) / (1 - pow(beta, Double(updates)))),
      secondScale: Float(1 / (1 - pow(beta2, Double(updates)))), stability: Float(stability))
  }

  /// Saves or restores eta, the moments and the number of updates so far.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.code("learning-rate", &learningRate)
    try state.code("updates", &updates)
    var (first, second): (StoredVector?, StoredVector?) = (moments?.first, moments?.second)
    moments = nil  // so that only one reference to the moments is left, and restoring writes them in place
    try state.code("first", &first, of: state.layout.trainable)
    try state.code("second", &second, of: state.layout.trainable)
    if let first, let second { moments = (first, second) }
  }

  /// 2d floats after the first step, 0 before it.
  public var stateCount: Int { moments.map { $0.first.count + $0.second.count } ?? 0 }
}

/// The step of Adam, scale m / (sqrt(secondScale v) + stability), computed element by element from the stored moments.
public struct AdamUpdate: Direction {
  let first: StoredVector
  let second: StoredVector
  let scale: Float
  let secondScale: Float
  let stability: Float

  /// Whether `block` is trained.
  public func touches(_ block: ParameterBlock) -> Bool { first.contains(block) }

  /// values += scale times these rows of the step.
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    values.withUnsafeMutableBufferPointer { values in
      _ = first.withRows(rows, of: block) { m in
        second.withRows(rows, of: block) { v in
          for i in 0..<values.count {
            values[i] += scale * (self.scale * m[i] / ((secondScale * v[i]).squareRoot() + stability))
          }
        }
      }
    }
  }
}
