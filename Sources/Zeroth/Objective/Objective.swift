/// The identity of the data that a forward pass sees: the mini-batch of a step, or a further mini-batch drawn in the
/// same step.
///
/// It does not hold the examples. The objective chooses them, from (step, draw) alone.
public struct Batch: Sendable, Hashable {
  /// The step, counted from 0.
  public let step: Int
  /// 0 for the mini-batch of the step. 1, 2, ... for further mini-batches that an estimator or an adapter asks for in
  /// the same step.
  public let draw: Int

  /// Mini-batch number `draw` of step `step`.
  public init(step: Int, draw: Int = 0) {
    self.step = step
    self.draw = draw
  }
}

/// The function that is minimised. An objective gives losses; a ``DifferentiableObjective`` gives gradients too.
///
/// The mini-batch is an argument of every call, so a loss does not depend on earlier calls. An objective may keep the
/// prepared examples of the last mini-batch, and prepare new ones only when another mini-batch is asked for.
///
/// An objective with a model overrides `losses(at:from:on:grain:)`, so that measuring does not write the weights; the
/// default moves a copy of them. An objective with examples overrides `exampleLosses(at:on:)` too. An objective that
/// cannot fail leaves `Failure` as it is, and is then called without `try`.
public protocol Objective: ~Copyable {
  /// The type of error that computing a loss can throw.
  associatedtype Failure: Error = Never

  /// The loss at theta on the mini-batch `batch`.
  func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(Failure) -> Double

  /// The loss at theta of each example of the mini-batch `batch`, in the order of the examples. Their mean is
  /// `loss(at:on:)`, to rounding.
  func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws(Failure) -> Few<Double>

  /// The losses at each of `points` on the mini-batch `batch`, point after point. theta is not written. There is one
  /// loss for each point, or for each point one loss of each example, as `grain` says.
  ///
  /// Law, checked by the test kit: each loss equals the loss of its point measured alone, to rounding.
  func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) throws(Failure) -> Few<Double>

  /// The losses of the examples of `batch` where each example has its own direction. The points of an example are theta
  /// + offsets[i] D, with its direction D from `directions`. The result has all examples at the first offset, in their
  /// order, then all at the next offset. theta is not written. Costs a forward pass for each offset.
  ///
  /// By default all examples are measured along each of the directions, and the loss of the one example is taken from
  /// them. An objective with a model measures each example along its own direction only. Law, checked by the test kit:
  /// both give the same losses, to rounding.
  func losses<D: ExampleDirections>(
    ofExamplesAlong directions: D, at offsets: Few<Float>, from theta: borrowing ParameterStore, on batch: Batch
  ) throws(Failure) -> Few<Double>

  /// Whether the objective has a gradient.
  var hasDerivatives: Bool { get }

  /// The result of ``DifferentiableObjective/gradient(at:on:into:)`` for an objective that has a gradient; nil for
  /// others. Parts that need gradients call this method, so they can be written for any objective.
  func differentiate(
    at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector
  ) throws(Failure) -> Double?

  /// The result of ``DifferentiableObjective/derivative(along:at:on:)`` for an objective that has a gradient; nil for
  /// others.
  func differentiate<D: Direction>(
    along direction: D, at theta: borrowing ParameterStore, on batch: Batch
  ) throws(Failure) -> DirectionalDerivative?
}

extension Objective where Self: ~Copyable {
  /// The loss of the mini-batch, as that of a single example.
  public func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws(Failure) -> Few<Double> {
    [try loss(at: theta, on: batch)]
  }

  /// Moves a copy of theta to each point in turn, each time starting from theta itself. Costs d floats for the copy.
  public func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) throws(Failure) -> Few<Double> {
    var moved = theta.clone()
    var losses: Few<Double> = []
    for i in points.indices {
      if i > 0 { moved.copy(from: theta) }
      if let direction = points.direction(of: i) { moved.add(direction, scale: points[i].offset) }
      switch grain {
      case .batch: losses.append(try loss(at: moved, on: batch))
      case .example: losses += try exampleLosses(at: moved, on: batch)
      }
    }
    return losses
  }

  /// For each example, measures all examples along the direction of this example.
  public func losses<D: ExampleDirections>(
    ofExamplesAlong directions: D, at offsets: Few<Float>, from theta: borrowing ParameterStore, on batch: Batch
  ) throws(Failure) -> Few<Double> {
    var ofExamples: [Few<Double>] = []
    var count = 1
    while ofExamples.count < count {
      let example = ofExamples.count
      let all = try losses(
        at: Points(along: directions.direction(of: example), at: offsets), from: theta, on: batch, grain: .example)
      count = all.count / offsets.count
      ofExamples.append(Few(count: offsets.count) { all[$0 * count + example] })
    }
    return Few(count: offsets.count * count) { ofExamples[$0 % count][$0 / count] }
  }

  /// False: only a ``DifferentiableObjective`` has derivatives.
  public var hasDerivatives: Bool { false }

  /// Nil: there is no gradient.
  public func differentiate(
    at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector
  ) throws(Failure) -> Double? { nil }

  /// Nil: there is no derivative.
  public func differentiate<D: Direction>(
    along direction: D, at theta: borrowing ParameterStore, on batch: Batch
  ) throws(Failure) -> DirectionalDerivative? { nil }

  /// One loss for each of `points`, over the mini-batch `batch`.
  public func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch
  ) throws(Failure) -> Few<Double> { try losses(at: points, from: theta, on: batch, grain: .batch) }

  /// The losses at theta + offsets[i] `direction`, one for each offset, over the mini-batch `batch`.
  public func losses(
    along direction: some Direction, at offsets: Few<Float>, from theta: borrowing ParameterStore, on batch: Batch
  ) throws(Failure) -> Few<Double> { try losses(at: Points(along: direction, at: offsets), from: theta, on: batch) }
}

/// An objective that is a function of the parameters. It has no data, so every mini-batch gives the same loss.
public struct FunctionObjective: Objective {
  private let function: @Sendable (borrowing ParameterStore) -> Double

  /// The objective theta -> function(theta).
  public init(_ function: @escaping @Sendable (borrowing ParameterStore) -> Double) { self.function = function }

  /// function(theta), whatever `batch` is.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) -> Double { function(theta) }
}
