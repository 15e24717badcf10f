/// What one step did.
public struct StepReport: Sendable {
  /// What happened to the step.
  public enum Outcome: String, Sendable {
    /// theta was moved.
    case applied
    /// A loss or a coefficient was not finite: theta stayed as it was.
    case skipped
  }

  /// The step, counted from 0.
  public let step: Int
  /// The losses that the estimator measured, in the order in which it measured them.
  public let losses: Few<Double>
  /// The projected gradient, averaged over queries.
  public let projectedGradient: Double
  /// The learning rate eta at this step.
  public let learningRate: Double
  /// eps at this step; nil where the estimator has no single number for it.
  public let epsilon: Double?
  /// The number of forward passes, with those of the adapter.
  public var forwards: Int
  /// What happened to the step.
  public var outcome: Outcome
  /// The number of moves of the adapter that were left out because a loss was not finite.
  public var nonFiniteMoves = 0

  /// The mean of the losses that the estimator measured.
  public var meanLoss: Double { losses.isEmpty ? .nan : losses.reduce(0, +) / Double(losses.count) }
}

/// What happens to steps whose losses are not finite: each is skipped and reported, and too many in a row end the run.
public struct NonFinitePolicy: Sendable, Hashable {
  /// The number of skipped steps in a row at which `NonFiniteError` is thrown.
  public let limit: Int

  /// The range of `limit`.
  public static let limitRange = NumericRange.atLeast(1)

  /// Stops after `limit` skipped steps in a row.
  public init(limit: Int = 10) { self.limit = limit }
}

/// The error of a run in which too many steps in a row had losses that are not finite.
public struct NonFiniteError: Error, Sendable, CustomStringConvertible {
  /// The last of these steps.
  public let step: Int
  /// The number of these steps.
  public let inARow: Int
  /// The losses of the last of these steps.
  public let losses: Few<Double>
  /// eps at the last of these steps; nil where the estimator has no single number for it.
  public let epsilon: Double?

  /// The reason, in one sentence.
  public var description: String {
    "\(inARow) steps in a row, up to step \(step), had a loss that is not finite "
      + "(the last: \(losses.prefix(4).map { "\($0)" }.joined(separator: ", ")))"
  }
}
