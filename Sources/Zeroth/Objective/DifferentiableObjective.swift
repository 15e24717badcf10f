/// An objective with a gradient: what first-order baselines, the forward gradient and DiZO's first-order projection need.
///
/// Laws, checked by the test kit: the gradient is the limit of central differences; the derivative along D is its product
/// with D; the losses are those of `loss(at:on:)`, all to rounding.
public protocol DifferentiableObjective: Objective, ~Copyable {
  /// The loss at theta on the mini-batch `batch`. `gradient`, which stores the trainable blocks, takes the gradient by them, in
  /// units of the loss over those of the parameters.
  func gradient(
    at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector
  ) throws(Failure) -> Double

  /// The loss at theta on `batch` and its derivative along `direction`, exact to rounding. By default from the gradient; an
  /// objective with a model carries the derivative along with the forward pass (forward mode), and stores no activation.
  func derivative<D: Direction>(
    along direction: D, at theta: borrowing ParameterStore, on batch: Batch
  ) throws(Failure) -> DirectionalDerivative
}

/// A loss, and how fast it changes along a direction.
public struct DirectionalDerivative: Sendable, Hashable {
  /// L(theta).
  public let loss: Double
  /// d/da L(theta + a D) at a = 0.
  public let derivative: Double

  /// A loss and its derivative.
  public init(loss: Double, derivative: Double) {
    self.loss = loss
    self.derivative = derivative
  }
}

extension DifferentiableObjective where Self: ~Copyable {
  /// <gradient, D>, for d floats more.
  public func derivative<D: Direction>(
    along direction: D, at theta: borrowing ParameterStore, on batch: Batch
  ) throws(Failure) -> DirectionalDerivative {
    var gradient = StoredVector(theta.layout.trainable)
    let loss = try self.gradient(at: theta, on: batch, into: &gradient)
    return DirectionalDerivative(loss: loss, derivative: gradient.product(with: direction))
  }

  /// True: it has a gradient.
  public var hasDerivatives: Bool { true }

  /// The gradient.
  public func differentiate(
    at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector
  ) throws(Failure) -> Double? { try self.gradient(at: theta, on: batch, into: &gradient) }

  /// The derivative.
  public func differentiate<D: Direction>(
    along direction: D, at theta: borrowing ParameterStore, on batch: Batch
  ) throws(Failure) -> DirectionalDerivative? { try derivative(along: direction, at: theta, on: batch) }
}

/// What a part of an optimiser asks of an objective: ``LossesAlone`` or ``Derivatives``. A composition that needs derivatives
/// takes no step on an objective without them: it does not compile.
public protocol ObjectiveNeeds: Sendable {}

/// Losses, which every objective has.
public enum LossesAlone: ObjectiveNeeds {}

/// Derivatives too, which a ``DifferentiableObjective`` has.
public enum Derivatives: ObjectiveNeeds {}

extension InputError {
  /// What a part throws that asks an objective for derivatives that it does not have.
  public static func noDerivatives(for part: String) -> InputError {
    InputError(
      part, found: "an objective that gives losses alone", expected: "one with a gradient (DifferentiableObjective)")
  }
}
