import Zeroth
import ZerothSupport

/// An objective that remembers the losses it gave.
public struct RecordingObjective<Base: Objective & ~Copyable>: Objective, ~Copyable {
  /// What the base can throw.
  public typealias Failure = Base.Failure

  /// The objective that computes the losses. Evaluations for the user go to it, past the record.
  public let base: Base
  private let log = Log()

  private final class Log {
    var losses: [Double] = []
    var forwards = 0
  }

  /// Records what `base` gives.
  public init(_ base: consuming Base) { self.base = base }

  /// The losses since the last call, in the order of measuring, and the forward passes that they are of.
  func drain() -> (losses: [Double], forwards: Int) {
    defer { (log.losses, log.forwards) = ([], 0) }
    return (log.losses, log.forwards)
  }

  /// The loss of the base on `batch`.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(Failure) -> Double {
    let loss = try base.loss(at: theta, on: batch)
    note([loss], forwards: 1)
    return loss
  }

  /// The losses of the base for each example of `batch`.
  public func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws(Failure) -> Few<Double> {
    let losses = try base.exampleLosses(at: theta, on: batch)
    note(losses, forwards: 1)
    return losses
  }

  /// The losses of the base on `batch`.
  public func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) throws(Failure) -> Few<Double> {
    let losses = try base.losses(at: points, from: theta, on: batch, grain: grain)
    note(losses, forwards: points.count)
    return losses
  }

  /// The losses of the base for each example along its own direction.
  public func losses<D: ExampleDirections>(
    ofExamplesAlong directions: D, at offsets: Few<Float>, from theta: borrowing ParameterStore, on batch: Batch
  ) throws(Failure) -> Few<Double> {
    let losses = try base.losses(ofExamplesAlong: directions, at: offsets, from: theta, on: batch)
    note(losses, forwards: offsets.count)
    return losses
  }

  /// Whether the base has a gradient.
  public var hasDerivatives: Bool { base.hasDerivatives }

  /// The loss and the gradient of the base, as three forward passes. Of the three numbers on record one is the loss and two are
  /// 0: a gradient is not kept, and a replay computes it anew.
  public func differentiate(
    at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector
  ) throws(Failure) -> Double? {
    let loss = try base.differentiate(at: theta, on: batch, into: &gradient)
    if let loss { note([loss, 0, 0], forwards: 3) }
    return loss
  }

  /// The loss of the base and its derivative, as two forward passes, which both are on record.
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

/// An objective that computes nothing: it gives the recorded losses of one step, one after another.
public final class PlaybackObjective: Objective {
  /// More losses are asked for than were recorded.
  public typealias Failure = InputError

  private let subject: String
  private let recorded: [Double]
  private let examples: Int
  private var position = 0

  /// Plays back `recorded`, in which a forward pass asked for by example has `examples` losses; `subject` names it in
  /// errors.
  public init(_ recorded: [Double], examples: Int = 1, subject: String) {
    self.recorded = recorded
    self.examples = examples
    self.subject = subject
  }

  /// Losses that nobody has asked for.
  public var remaining: Int { recorded.count - position }

  /// The next loss, whatever theta is.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Double { try next(1)[0] }

  /// The next losses, of each example, whatever theta is.
  public func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Few<Double> {
    try next(examples)
  }

  /// The next losses, whatever theta and the points are.
  public func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) throws(InputError) -> Few<Double> { try next(grain == .example ? points.count * examples : points.count) }

  /// The next losses, of each example at each offset, whatever theta and the directions are.
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
