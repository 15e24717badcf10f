/// Which data an evaluation sees: a step's mini-batch, or a further one drawn in the same step.
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

/// What is minimised. It is evaluated, never differentiated.
///
/// An objective with a model overrides `losses(along:at:from:)` so that measuring writes no weight; the default moves
/// a copy. Objectives that cannot fail leave `Failure` alone, and are then called without `try`.
public protocol Objective: ~Copyable {
  /// What an evaluation can throw.
  associatedtype Failure: Error = Never

  /// Chooses the data of the forward passes that follow. It depends on `batch` alone, not on the method or its queries.
  func selectBatch(_ batch: Batch) throws(Failure)

  /// The loss at theta, in double.
  func loss(at theta: borrowing ParameterStore) throws(Failure) -> Double

  /// The losses at theta + offsets[i] D, all on the selected batch; theta is not written.
  func losses<D: Direction>(
    along direction: D, at offsets: Few<Float>, from theta: borrowing ParameterStore
  ) throws(Failure) -> Few<Double>
}

extension Objective where Self: ~Copyable {
  /// Nothing: an objective without mini-batches.
  public func selectBatch(_ batch: Batch) throws(Failure) {}

  /// Moves a copy of theta (d floats more) from offset to offset, each time from theta itself.
  public func losses<D: Direction>(
    along direction: D, at offsets: Few<Float>, from theta: borrowing ParameterStore
  ) throws(Failure) -> Few<Double> {
    var moved = theta.clone()
    var losses: Few<Double> = []
    for offset in offsets {
      if !losses.isEmpty { moved.copy(from: theta) }
      if offset != 0 { moved.add(direction, scale: offset) }
      losses.append(try loss(at: moved))
    }
    return losses
  }
}

/// A function of the parameters as an objective.
public struct FunctionObjective: Objective {
  private let function: @Sendable (borrowing ParameterStore) -> Double

  /// The objective theta -> function(theta).
  public init(_ function: @escaping @Sendable (borrowing ParameterStore) -> Double) { self.function = function }

  /// function(theta).
  public func loss(at theta: borrowing ParameterStore) -> Double { function(theta) }
}
