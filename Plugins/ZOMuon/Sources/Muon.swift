import Zeroth

/// The rule of ZO-Muon (arXiv 2602.17155) on an estimator's core C, with the estimate g = A(C):
///
///     matrices: theta -= eta A(msign(C))          msign(C) = U V^T for the singular value decomposition C = U S V^T, about
///     vectors:  theta -= eta_v g
///
/// msign is Newton and Schulz's iteration with the numbers of Muon (Jordan et al. 2024): X_0 = C / ||C||,
/// X_{k+1} = (a + b X_k X_k^T + c (X_k X_k^T)^2) X_k, after which all singular values lie about 1, from 0.7 to 1.2, but those that were
/// below about 1e-3 of the largest. So every direction in the core moves equally far, whatever the gradient along it.
///
/// Cost: no stored floats.
public struct Muon<D: CoreDirection>: StepRule {
  /// A direction with a core.
  public typealias Direction = D
  /// The image of msign(C).
  public typealias Update = D.Image

  /// eta of matrices, over the steps.
  public var learningRate: Schedule
  /// eta_v of vectors, over the steps.
  public var vectorLearningRate: Schedule
  /// Iterations of Newton and Schulz, from 1 on.
  public let iterations: Int
  /// lambda, by block.
  public let weightDecay: WeightDecay

  /// What `iterations` takes.
  public static var iterationsRange: NumericRange { .between(1, 50) }

  /// Muon at `learningRate` on matrices. Vectors have the rate of MeZO by default.
  public init(
    learningRate: Schedule, vectorLearningRate: Schedule = 5e-5, iterations: Int = 5, weightDecay: WeightDecay = .none
  ) {
    self.learningRate = learningRate
    self.vectorLearningRate = vectorLearningRate
    self.iterations = iterations
    self.weightDecay = weightDecay
  }

  /// Throws when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try learningRate.validate()
    try weightDecay.validate()
    try vectorLearningRate.validate("vector-learning-rate", Schedule.baseRange)
    try Self.iterationsRange.require("iterations", iterations)
  }

  /// -eta A(msign(C)) on matrices, -eta_v g on vectors.
  public mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> D.Image {
    let direction = estimate.coreFrame
    let sum = WeightedSum(estimate.terms.map { (Float($0.coefficient), $0.direction) })
    let (eta, vectorEta) = (learningRate(at: context.step), vectorLearningRate(at: context.step))
    let iterations = iterations
    var step = CoreVector(for: direction, in: context.layout)
    step.forEachPanel { block, rows, values in sum.addCore(to: values, of: block, rows: rows) }
    step.forEachCore { block, values in
      if block.isMatrix {
        let rows = direction.coreShape(of: block).rows
        MatrixSign(iterations: iterations)(values, rows: rows, scale: -eta)
      } else {
        for i in values.indices { values[i] *= Float(-vectorEta) }
      }
    }
    return direction.image(of: step, scale: 1)
  }

  /// The rates: nothing else is kept.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("iterations", iterations)
    try state.code("learning-rate", &learningRate)
    try state.code("vector-learning-rate", &vectorLearningRate)
  }
}
