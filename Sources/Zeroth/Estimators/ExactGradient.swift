/// The gradient itself, by reverse mode: what first-order fine-tuning steps along.
///
///     g = grad L(theta) on the step's mini-batch
///
/// With `SGD` it is SGD, with `Adam` Adam. A step counts as three forward passes: the backward pass takes about as much as
/// two. Cost: d floats, of the trainable blocks, beside the activations that the objective keeps.
public struct ExactGradient: GradientEstimator {
  /// The stored gradient.
  public typealias Direction = StoredDirection
  /// The gradient of the objective.
  public typealias Needs = Derivatives

  /// The gradient of the last step: memory for the next one, on which nothing depends.
  private var gradient: StoredVector?

  /// The gradient, with nothing to choose.
  public init() {}

  /// Three.
  public func forwards(at step: Int, in layout: ParameterLayout) -> Int { 3 }

  /// False: a record has no room for gradients.
  public var isReplayedFromLosses: Bool { false }

  /// Asks for the gradient. Throws `InputError` for an objective that has none.
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
