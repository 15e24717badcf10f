import Zeroth
import ZerothStrategies

/// Momentum that looks ahead (Nesterov 1983; in the form of Sutskever et al. 2013, as a moving average):
///
///     m = beta m + (1 - beta) g,   theta -= eta (beta m + (1 - beta) g)
///
/// Cost: d stored floats, of the trainable blocks.
public struct NesterovMomentum<D: Direction>: StepRule {
  /// Any kind of direction.
  public typealias Direction = D
  /// The step along the momentum and the estimate.
  public typealias Update = NesterovUpdate<D>

  /// The learning rate eta over the steps.
  public var learningRate: Schedule
  /// beta in [0, 1): the part of m that a step keeps.
  public let beta: Double
  /// The weight decay lambda of each block.
  public let weightDecay: WeightDecay
  private var momentum: StoredVector?

  /// The rule with these options.
  public init(learningRate: Schedule, beta: Double = 0.9, weightDecay: WeightDecay = .none) {
    self.learningRate = learningRate
    self.beta = beta
    self.weightDecay = weightDecay
  }

  /// Updates m and returns -eta (beta m + (1 - beta) g).
  public mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> NesterovUpdate<D> {
    let gain = WeightedSum(estimate.terms.map { (Float((1 - beta) * $0.coefficient), $0.direction) })
    var m = momentum.take() ?? StoredVector(context.layout.trainable)
    let keep = Float(beta)
    m.forEachPanel { block, rows, values in
      for i in 0..<values.count { values[i] *= keep }
      guard gain.touches(block) else { return }
      var span = values.mutableSpan
      gain.add(to: &span, of: block, rows: rows, scale: 1)
    }
    momentum = m
    let eta = Float(-learningRate(at: context.step))
    return NesterovUpdate(ahead: StoredDirection(m, scale: eta * keep), gain: gain, scale: eta)
  }

  /// Saves or restores eta and m.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.code("learning-rate", &learningRate)
    try state.code("momentum", &momentum, of: state.layout.trainable)
  }

  /// d floats after the first step, 0 before it.
  public var stateCount: Int { momentum?.count ?? 0 }
}

/// The step of Nesterov's momentum: a multiple of the stored momentum plus a multiple of the estimate.
public struct NesterovUpdate<D: Direction>: Direction {
  let ahead: StoredDirection
  let gain: WeightedSum<D>
  let scale: Float

  /// Whether `block` is trained.
  public func touches(_ block: ParameterBlock) -> Bool { ahead.touches(block) }

  /// values += scale times these rows of the step.
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    ahead.add(to: &values, of: block, rows: rows, scale: scale)
    if gain.touches(block) { gain.add(to: &values, of: block, rows: rows, scale: scale * self.scale) }
  }
}

/// Makes the rule for the type of direction that the estimator of the composition has.
public struct NesterovFactory: RuleFactory {
  /// The texts that `zeroth explain nesterov` prints, and the options.
  public let description = StrategyDescription(
    "nesterov", summary: "Stored momentum that looks ahead",
    formula: "m = beta m + (1 - beta) g;  theta -= eta (beta m + (1 - beta) g)", source: "Nesterov 1983",
    options: OptionSpec.stepRule + [.beta], state: "1 per trainable parameter")

  /// The factory. It has no options of its own.
  public init() {}

  /// The rule for directions of type `D`.
  public func make<D: Direction>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
    NesterovMomentum<D>(
      learningRate: try options.learningRate(), beta: try options.double("beta"),
      weightDecay: try options.weightDecay())
  }
}
