/// Which data a forward pass sees: the mini-batch of a step, or a further one drawn in the same step.
///
/// It names the examples and holds none of them. The objective decides which they are, by (step, draw) alone.
public struct Batch: Sendable, Hashable {
  /// The step, counted from 0.
  public let step: Int
  /// 0 for the mini-batch of the step; 1, 2, ... for those that an estimator or an adapter asks for on top.
  public let draw: Int

  /// Draw number `draw` of `step`.
  public init(step: Int, draw: Int = 0) {
    self.step = step
    self.draw = draw
  }
}

/// What is minimised. It is evaluated; ``DifferentiableObjective`` is one that can be differentiated too.
///
/// The mini-batch is an argument of every request, so that a loss depends on nothing that was asked before. An objective
/// may keep the examples laid out that it was asked about last; it lays out anew only when another mini-batch is asked
/// for.
///
/// An objective with a model overrides `losses(at:from:on:grain:)` so that measuring writes no weight; the default moves
/// a copy. One with examples overrides `exampleLosses(at:on:)` too. Objectives that cannot fail leave `Failure` alone, and
/// are then called without `try`.
public protocol Objective: ~Copyable {
  /// What asking for a loss can throw.
  associatedtype Failure: Error = Never

  /// The loss at theta on the mini-batch `batch`, in double.
  func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(Failure) -> Double

  /// The loss at theta of each example of the mini-batch `batch`, in their order. Their mean is `loss(at:on:)`, to rounding.
  func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws(Failure) -> Few<Double>

  /// The losses at each of `points`, point after point, all on the mini-batch `batch`; theta is not written. There is one for
  /// each point, or one for each of its examples, as `grain` says.
  ///
  /// Law, checked by the test kit: each loss is the one that its point has alone, to rounding.
  func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) throws(Failure) -> Few<Double>

  /// The losses of the examples of `batch`, each at theta + offsets[i] D with the D that is its own in `directions`: offset after offset,
  /// and of each one loss for each example in their order. theta is not written. A forward pass for each offset.
  ///
  /// By default everything is measured along each of the directions, and one example's losses are taken: an objective with a model
  /// computes that example alone. Law, checked by the test kit: both give the same, to rounding.
  func losses<D: ExampleDirections>(
    ofExamplesAlong directions: D, at offsets: Few<Float>, from theta: borrowing ParameterStore, on batch: Batch
  ) throws(Failure) -> Few<Double>

  /// Whether it has a gradient.
  var hasDerivatives: Bool { get }

  /// What ``DifferentiableObjective/gradient(at:on:into:)`` gives, from an objective that has a gradient; nil from others. Parts
  /// that differentiate ask through this, so that they are written for any objective.
  func differentiate(
    at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector
  ) throws(Failure) -> Double?

  /// What ``DifferentiableObjective/derivative(along:at:on:)`` gives, from an objective that has a gradient; nil from others.
  func differentiate<D: Direction>(
    along direction: D, at theta: borrowing ParameterStore, on batch: Batch
  ) throws(Failure) -> DirectionalDerivative?
}

extension Objective where Self: ~Copyable {
  /// The loss itself, as that of a single example.
  public func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws(Failure) -> Few<Double> {
    [try loss(at: theta, on: batch)]
  }

  /// Moves a copy of theta (d floats more) from point to point, each time from theta itself.
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

  /// Measures all examples along the direction of each.
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

  /// False: an objective has values, unless it is a ``DifferentiableObjective``.
  public var hasDerivatives: Bool { false }

  /// Nil: there is no gradient.
  public func differentiate(
    at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector
  ) throws(Failure) -> Double? { nil }

  /// Nil: there is no derivative.
  public func differentiate<D: Direction>(
    along direction: D, at theta: borrowing ParameterStore, on batch: Batch
  ) throws(Failure) -> DirectionalDerivative? { nil }

  /// One loss for each of `points`.
  public func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch
  ) throws(Failure) -> Few<Double> { try losses(at: points, from: theta, on: batch, grain: .batch) }

  /// The losses at theta + offsets[i] `direction`, one for each offset.
  public func losses(
    along direction: some Direction, at offsets: Few<Float>, from theta: borrowing ParameterStore, on batch: Batch
  ) throws(Failure) -> Few<Double> { try losses(at: Points(along: direction, at: offsets), from: theta, on: batch) }
}

/// A function of the parameters as an objective. It has no data, so every mini-batch is the same to it.
public struct FunctionObjective: Objective {
  private let function: @Sendable (borrowing ParameterStore) -> Double

  /// The objective theta -> function(theta).
  public init(_ function: @escaping @Sendable (borrowing ParameterStore) -> Double) { self.function = function }

  /// function(theta), whatever `batch` is.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) -> Double { function(theta) }
}
