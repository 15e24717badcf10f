/// An objective that also has a gradient. First-order baselines, the forward gradient and DiZO's first-order projection
/// need it.
///
/// Laws, checked by the test kit, each to rounding: the gradient is the limit of central differences; the derivative
/// along D is the inner product of the gradient and D; the losses are those of `loss(at:on:)`.
public protocol DifferentiableObjective: Objective, ~Copyable {
  /// Returns the loss at theta on the mini-batch `batch`. Writes the gradient of this loss with respect to the
  /// trainable blocks to `gradient`, which stores these blocks. A gradient has the unit of the loss divided by that of
  /// the parameters.
  func gradient(
    at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector
  ) throws(Failure) -> Double

  /// The loss at theta on `batch` and its derivative along `direction`, exact to rounding. By default it is computed
  /// from the gradient. An objective with a model computes it in forward mode: the derivative goes through the forward
  /// pass together with the values, and no activation is stored.
  func derivative<D: Direction>(
    along direction: D, at theta: borrowing ParameterStore, on batch: Batch
  ) throws(Failure) -> DirectionalDerivative
}

/// A loss and its derivative along a direction.
public struct DirectionalDerivative: Sendable, Hashable {
  /// The loss L(theta).
  public let loss: Double
  /// The derivative d/da L(theta + a D) at a = 0.
  public let derivative: Double

  /// A loss and its derivative.
  public init(loss: Double, derivative: Double) {
    self.loss = loss
    self.derivative = derivative
  }
}

extension DifferentiableObjective where Self: ~Copyable {
  /// The inner product of the gradient and D. Costs d floats for the gradient.
  public func derivative<D: Direction>(
    along direction: D, at theta: borrowing ParameterStore, on batch: Batch
  ) throws(Failure) -> DirectionalDerivative {
    var gradient = StoredVector(theta.layout.trainable)
    let loss = try self.gradient(at: theta, on: batch, into: &gradient)
    return DirectionalDerivative(loss: loss, derivative: gradient.product(with: direction))
  }

  /// True.
  public var hasDerivatives: Bool { true }

  /// Calls `gradient(at:on:into:)`.
  public func differentiate(
    at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector
  ) throws(Failure) -> Double? { try self.gradient(at: theta, on: batch, into: &gradient) }

  /// Calls `derivative(along:at:on:)`.
  public func differentiate<D: Direction>(
    along direction: D, at theta: borrowing ParameterStore, on batch: Batch
  ) throws(Failure) -> DirectionalDerivative? { try derivative(along: direction, at: theta, on: batch) }
}

/// What a part of an optimiser needs from an objective: ``LossesAlone`` or ``Derivatives``. An optimiser that needs
/// derivatives does not compile with an objective that has none.
public protocol ObjectiveNeeds: Sendable {}

/// The part needs losses, which every objective has.
public enum LossesAlone: ObjectiveNeeds {}

/// The part needs derivatives too, which a ``DifferentiableObjective`` has.
public enum Derivatives: ObjectiveNeeds {}

extension InputError {
  /// The error of a part that needs derivatives, on an objective that has none.
  public static func noDerivatives(for part: String) -> InputError {
    InputError(
      part, found: "an objective that gives losses alone", expected: "one with a gradient (DifferentiableObjective)")
  }
}
