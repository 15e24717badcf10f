/// The gradient itself, computed by reverse mode. It is the estimate of first-order fine-tuning.
///
///     g = grad L(theta) on the step's mini-batch
///
/// With the rule `SGD` this is SGD, with `Adam` it is Adam. A step counts as three forward passes, because a backward
/// pass takes about as long as two. Cost: d floats for the trainable blocks, and the activations that the objective
/// keeps.
public struct ExactGradient: GradientEstimator {
  /// The stored gradient.
  public typealias Direction = StoredDirection
  /// The estimator needs the gradient of the objective.
  public typealias Needs = Derivatives

  /// The gradient of the last step. Only its memory is used again; no result depends on its values.
  private var gradient: StoredVector?

  /// The estimator of the gradient. It has no options.
  public init() {}

  /// 3: one forward pass, and a backward pass that counts as two.
  public func forwards(at step: Int, in layout: ParameterLayout) -> Int { 3 }

  /// False: a record holds losses and no gradients, so it is not enough to make the steps again.
  public var isReplayedFromLosses: Bool { false }

  /// Computes the gradient. Throws `InputError` for an objective that has none.
  public mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws -> GradientEstimate<StoredDirection> {
    var g = gradient.take() ?? StoredVector(context.layout.trainable)
    guard let loss = try objective.differentiate(at: theta, on: context.batch, into: &g) else {
      throw InputError.noDerivatives(for: "the exact gradient")
    }
    gradient = g
    let direction = StoredDirection(g, scale: 1)
    return GradientEstimate(
      terms: [(1, direction)], losses: [loss], projectedGradient: g.product(with: direction).squareRoot())
  }
}
