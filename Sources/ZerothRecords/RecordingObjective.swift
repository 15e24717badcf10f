import Zeroth
import ZerothSupport

/// Wraps an objective and records the losses that it gives.
public struct RecordingObjective<Base: Objective & ~Copyable>: Objective, ~Copyable {
  /// The error type of the wrapped objective.
  public typealias Failure = Base.Failure

  /// The wrapped objective. Evaluations for the user call it directly, so that they are not recorded.
  public let base: Base
  private let log = Log()

  private final class Log {
    var losses: [Double] = []
    var forwards = 0
  }

  /// Wraps `base`.
  public init(_ base: consuming Base) { self.base = base }

  /// The losses since the last call, in the order in which they were measured, and the number of forward passes that
  /// gave them.
  func drain() -> (losses: [Double], forwards: Int) {
    defer { (log.losses, log.forwards) = ([], 0) }
    return (log.losses, log.forwards)
  }

  /// The loss of the wrapped objective on `batch`.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(Failure) -> Double {
    let loss = try base.loss(at: theta, on: batch)
    note([loss], forwards: 1)
    return loss
  }

  /// The losses of the wrapped objective for each example of `batch`.
  public func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws(Failure) -> Few<Double> {
    let losses = try base.exampleLosses(at: theta, on: batch)
    note(losses, forwards: 1)
    return losses
  }

  /// The losses of the wrapped objective on `batch`.
  public func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) throws(Failure) -> Few<Double> {
    let losses = try base.losses(at: points, from: theta, on: batch, grain: grain)
    note(losses, forwards: points.count)
    return losses
  }

  /// The losses of the wrapped objective for each example along its own direction.
  public func losses<D: ExampleDirections>(
    ofExamplesAlong directions: D, at offsets: Few<Float>, from theta: borrowing ParameterStore, on batch: Batch
  ) throws(Failure) -> Few<Double> {
    let losses = try base.losses(ofExamplesAlong: directions, at: offsets, from: theta, on: batch)
    note(losses, forwards: offsets.count)
    return losses
  }

  /// Whether the wrapped objective has a gradient.
  public var hasDerivatives: Bool { base.hasDerivatives }

  /// The loss and the gradient of the wrapped objective, counted as three forward passes. Three numbers are recorded:
  /// the loss and two zeros. The gradient is not recorded, and a replay computes it again.
  public func differentiate(
    at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector
  ) throws(Failure) -> Double? {
    let loss = try base.differentiate(at: theta, on: batch, into: &gradient)
    if let loss { note([loss, 0, 0], forwards: 3) }
    return loss
  }

  /// The loss of the wrapped objective and its derivative, counted as two forward passes. Both numbers are recorded.
  public func differentiate<D: Direction>(
    along direction: D, at theta: borrowing ParameterStore, on batch: Batch
  ) throws(Failure) -> DirectionalDerivative? {
    let slope = try base.differentiate(along: direction, at: theta, on: batch)
    if let slope { note([slope.loss, slope.derivative], forwards: 2) }
    return slope
  }

  private func note(_ losses: Few<Double>, forwards: Int) {
    log.losses += losses
    log.forwards += forwards
  }
}

/// An objective that computes nothing. It returns the recorded losses of one step, one after another.
public final class PlaybackObjective: Objective {
  /// The error where more losses are asked for than were recorded.
  public typealias Failure = InputError

  private let subject: String
  private let recorded: [Double]
  private let examples: Int
  private var position = 0

  /// Returns the losses in `recorded`. A forward pass for single examples has `examples` losses. Errors call the record
  /// `subject`.
  public init(_ recorded: [Double], examples: Int = 1, subject: String) {
    self.recorded = recorded
    self.examples = examples
    self.subject = subject
  }

  /// The number of losses that were not asked for yet.
  public var remaining: Int { recorded.count - position }

  /// The next loss, for any theta.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Double { try next(1)[0] }

  /// The next losses, one for each example, for any theta.
  public func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Few<Double> {
    try next(examples)
  }

  /// The next losses, for any theta and any points.
  public func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) throws(InputError) -> Few<Double> { try next(grain == .example ? points.count * examples : points.count) }

  /// The next losses, one for each example at each offset, for any theta and any directions.
  public func losses<D: ExampleDirections>(
    ofExamplesAlong directions: D, at offsets: Few<Float>, from theta: borrowing ParameterStore, on batch: Batch
  ) throws(InputError) -> Few<Double> { try next(offsets.count * examples) }

  /// The next two numbers: a loss and its derivative.
  public func differentiate<D: Direction>(
    along direction: D, at theta: borrowing ParameterStore, on batch: Batch
  ) throws(InputError) -> DirectionalDerivative? {
    let recorded = try next(2)
    return DirectionalDerivative(loss: recorded[0], derivative: recorded[1])
  }

  private func next(_ count: Int) throws(InputError) -> Few<Double> {
    guard count <= remaining else {
      throw InputError(
        subject, found: "\(recorded.count) recorded losses",
        expected: "\(position + count), which the optimiser asks for: another composition than the recorded one?")
    }
    defer { position += count }
    return Few(recorded[position..<(position + count)])
  }
}
