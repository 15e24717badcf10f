import Foundation

/// Adam on the estimate (Kingma and Ba 2015), with decoupled weight decay (Loshchilov and Hutter 2019):
///
///     m = beta_1 m + (1 - beta_1) g,   v = beta_2 v + (1 - beta_2) g^2
///     theta -= eta (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + zeta)         t the updates so far, this one too
///
/// Weight decay is the framework's: eta lambda theta, not divided by sqrt(v), and nothing on blocks of one column.
///
/// Cost: 2d stored floats, of the trainable blocks.
public struct Adam<D: Direction>: StepRule {
  /// Directions of any kind, which estimates are made of.
  public typealias Direction = D
  /// The step -eta m / sqrt(v), elementwise.
  public typealias Update = AdamUpdate

  /// eta, over the steps.
  public var learningRate: Schedule
  /// beta_1, in [0, 1).
  public let beta: Double
  /// beta_2, in [0, 1).
  public let beta2: Double
  /// zeta > 0, beside the root of v.
  public let stability: Double
  /// lambda, by block.
  public let weightDecay: WeightDecay
  private var moments: (first: StoredVector, second: StoredVector)?
  private var updates = 0

  /// What `beta` takes.
  public static var betaRange: NumericRange { .belowOne }
  /// What `beta2` takes.
  public static var beta2Range: NumericRange { .belowOne }
  /// What `stability` takes.
  public static var stabilityRange: NumericRange { .positive }

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

  /// Throws when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try learningRate.validate()
    try weightDecay.validate()
    try Self.betaRange.require("beta", beta)
    try Self.beta2Range.require("beta2", beta2)
    try Self.stabilityRange.require("stability", stability)
  }

  /// Moves m and v, in one pass, and returns the step that they make.
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

  /// eta, the moments and how many updates they are of.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.code("learning-rate", &learningRate)
    try state.code("updates", &updates)
    var (first, second): (StoredVector?, StoredVector?) = (moments?.first, moments?.second)
    moments = nil  // so that what is coded is not shared
    try state.code("first", &first, of: state.layout.trainable)
    try state.code("second", &second, of: state.layout.trainable)
    if let first, let second { moments = (first, second) }
  }

  /// 2d floats, once the first step is done.
  public var stateCount: Int { moments.map { $0.first.count + $0.second.count } ?? 0 }
}

/// The step of Adam, scale m / (sqrt(secondScale v) + stability), elementwise from the stored moments.
public struct AdamUpdate: Direction {
  let first: StoredVector
  let second: StoredVector
  let scale: Float
  let secondScale: Float
  let stability: Float

  /// Whether `block` is trained.
  public func touches(_ block: ParameterBlock) -> Bool { first.contains(block) }

  /// values += scale times the step's rows.
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
