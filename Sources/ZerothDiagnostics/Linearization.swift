import Zeroth

/// The tangent of an objective at theta, L + <g, theta' - theta>. An estimator that measures it finds the exact slopes
/// along its directions, whatever its epsilon is.
///
/// It is the same function for every mini-batch. An estimator that measures around another point than theta finds the
/// slopes at theta.
final class Linearization: DifferentiableObjective {
  typealias Failure = Never

  private let loss: Double
  private let tangent: StoredVector

  /// The tangent with the slope `gradient` and the value `loss` at theta.
  init(loss: Double, gradient: StoredVector) {
    self.loss = loss
    tangent = gradient
  }

  /// The loss at theta.
  func loss(at theta: borrowing ParameterStore, on batch: Batch) -> Double { loss }

  /// L + a <g, D> at each point.
  func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) -> Few<Double> {
    var losses: Few<Double> = []
    var known: (direction: Int, slope: Double)?
    for i in points.indices {
      guard let direction = points.direction(of: i) else {
        losses.append(loss)
        continue
      }
      if known?.direction != points[i].direction {
        known = (points[i].direction, tangent.slope(along: direction))
      }
      losses.append(loss + Double(points[i].offset) * (known?.slope ?? .nan))
    }
    return losses
  }

  /// Returns the loss, and writes g to `gradient`.
  func gradient(at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector) -> Double {
    gradient = tangent
    return loss
  }

  /// The loss and <g, D>.
  func derivative<D: Direction>(
    along direction: D, at theta: borrowing ParameterStore, on batch: Batch
  ) -> DirectionalDerivative { DirectionalDerivative(loss: loss, derivative: tangent.product(with: direction)) }
}

extension StoredVector {
  /// The inner product of this vector and D, where the type of D is not known.
  fileprivate func slope(along direction: any Direction) -> Double {
    func product(_ direction: some Direction) -> Double { self.product(with: direction) }
    return product(direction)
  }
}

/// An objective that uses the mini-batch of one step in place of every other one.
struct OnBatch<Base: Objective>: Objective {
  let base: Base
  /// The step whose mini-batch is used.
  let step: Int

  private func placed(_ batch: Batch) -> Batch { Batch(step: step, draw: batch.draw) }

  func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(Base.Failure) -> Double {
    try base.loss(at: theta, on: placed(batch))
  }

  func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws(Base.Failure) -> Few<Double> {
    try base.exampleLosses(at: theta, on: placed(batch))
  }

  func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) throws(Base.Failure) -> Few<Double> {
    try base.losses(at: points, from: theta, on: placed(batch), grain: grain)
  }

  func losses<D: ExampleDirections>(
    ofExamplesAlong directions: D, at offsets: Few<Float>, from theta: borrowing ParameterStore, on batch: Batch
  ) throws(Base.Failure) -> Few<Double> {
    try base.losses(ofExamplesAlong: directions, at: offsets, from: theta, on: placed(batch))
  }

  var hasDerivatives: Bool { base.hasDerivatives }

  func differentiate(
    at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector
  ) throws(Base.Failure) -> Double? { try base.differentiate(at: theta, on: placed(batch), into: &gradient) }

  func differentiate<D: Direction>(
    along direction: D, at theta: borrowing ParameterStore, on batch: Batch
  ) throws(Base.Failure) -> DirectionalDerivative? {
    try base.differentiate(along: direction, at: theta, on: placed(batch))
  }
}
