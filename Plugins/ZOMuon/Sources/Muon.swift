import Zeroth

/// The rule of ZO-Muon (arXiv 2602.17155) on the core C of a direction, where the estimate is g = A(C):
///
///     matrices: theta -= eta A(msign(C))          msign(C) = U V^T for the singular value decomposition C = U S V^T, approximately
///     vectors:  theta -= eta_v g
///
/// msign is computed by the iteration of Newton and Schulz with the coefficients of Muon (Jordan et al. 2024): X_0 = C
/// / ||C||, X_{k+1} = (a + b X_k X_k^T + c (X_k X_k^T)^2) X_k. After it all singular values are between about 0.7 and
/// 1.2, except those that were below about 1e-3 of the largest. So every direction in the core moves about equally far,
/// whatever the gradient along it.
///
/// Cost: no stored floats.
public struct Muon<D: CoreDirection>: StepRule {
  /// A direction with a core.
  public typealias Direction = D
  /// The image of msign(C).
  public typealias Update = D.Image

  /// The learning rate eta of matrices over the steps.
  public var learningRate: Schedule
  /// The learning rate eta_v of vectors over the steps.
  public var vectorLearningRate: Schedule
  /// The number of iterations of Newton and Schulz, at least 1.
  public let iterations: Int
  /// The weight decay lambda of each block.
  public let weightDecay: WeightDecay

  /// The range of `iterations`.
  public static var iterationsRange: NumericRange { .between(1, 50) }

  /// Muon with these options. By default vectors have the learning rate of MeZO.
  public init(
    learningRate: Schedule, vectorLearningRate: Schedule = 5e-5, iterations: Int = 5, weightDecay: WeightDecay = .none
  ) {
    self.learningRate = learningRate
    self.vectorLearningRate = vectorLearningRate
    self.iterations = iterations
    self.weightDecay = weightDecay
  }

  /// Throws `InputError` when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try learningRate.validate()
    try weightDecay.validate()
    try vectorLearningRate.validate("vector-learning-rate", Schedule.baseRange)
    try Self.iterationsRange.require("iterations", iterations)
  }

  /// The update -eta A(msign(C)) on matrices and -eta_v g on vectors.
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

  /// Saves or restores the learning rates. There is no other state.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("iterations", iterations)
    try state.code("learning-rate", &learningRate)
    try state.code("vector-learning-rate", &vectorLearningRate)
  }
}
