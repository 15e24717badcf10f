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
  }

  /// Records what `base` gives.
  public init(_ base: consuming Base) { self.base = base }

  /// The losses since the last call, in the order of measuring.
  func drainLosses() -> [Double] {
    defer { log.losses = [] }
    return log.losses
  }

  /// The loss of the base on `batch`.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(Failure) -> Double {
    let loss = try base.loss(at: theta, on: batch)
    log.losses.append(loss)
    return loss
  }

  /// The losses of the base on `batch`.
  public func losses<D: Direction>(
    along direction: D, at offsets: Few<Float>, from theta: borrowing ParameterStore, on batch: Batch
  ) throws(Failure) -> Few<Double> {
    let losses = try base.losses(along: direction, at: offsets, from: theta, on: batch)
    log.losses += losses
    return losses
  }
}

/// An objective that computes nothing: it gives the recorded losses of one step, one after another.
public final class PlaybackObjective: Objective {
  /// More losses are asked for than were recorded.
  public typealias Failure = InputError

  private let subject: String
  private let recorded: [Double]
  private var position = 0

  /// Plays back `recorded`; `subject` names it in errors.
  public init(_ recorded: [Double], subject: String) {
    self.recorded = recorded
    self.subject = subject
  }

  /// Losses that nobody has asked for.
  public var remaining: Int { recorded.count - position }

  /// The next loss, whatever theta is.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(InputError) -> Double { try next(1)[0] }

  /// The next losses, whatever theta and the direction are.
  public func losses<D: Direction>(
    along direction: D, at offsets: Few<Float>, from theta: borrowing ParameterStore, on batch: Batch
  ) throws(InputError) -> Few<Double> { try next(offsets.count) }

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
