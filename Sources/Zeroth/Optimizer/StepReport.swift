/// What one step did.
public struct StepReport: Sendable {
  /// What became of the step.
  public enum Outcome: String, Sendable {
    /// theta was moved.
    case applied
    /// A loss or a coefficient was not finite: theta stayed as it was.
    case skipped
  }

  /// The step, counted from 0.
  public let step: Int
  /// The losses that the estimator measured, in its order.
  public let losses: Few<Double>
  /// The projected gradient, averaged over queries.
  public let projectedGradient: Double
  /// eta at this step.
  public let learningRate: Double
  /// eps at this step; nil where the estimator has no one number for it.
  public let epsilon: Double?
  /// Forward passes, the adapter's included.
  public var forwards: Int
  /// What became of the step.
  public var outcome: Outcome
  /// Moves of the adapter that were left out because a loss was not finite.
  public var nonFiniteMoves = 0

  /// The mean of the losses that were measured.
  public var meanLoss: Double { losses.isEmpty ? .nan : losses.reduce(0, +) / Double(losses.count) }
}

/// What happens when losses are not finite: the step is skipped and reported, and too many in a row end the run.
public struct NonFinitePolicy: Sendable, Hashable {
  /// So many skipped steps in a row throw `NonFiniteError`.
  public let limit: Int

  /// What `limit` takes.
  public static let limitRange = NumericRange.atLeast(1)

  /// Stops after `limit` skipped steps in a row.
  public init(limit: Int = 10) { self.limit = limit }
}

/// Too many steps in a row whose losses were not finite.
public struct NonFiniteError: Error, Sendable, CustomStringConvertible {
  /// The last of the steps.
  public let step: Int
  /// How many there were.
  public let inARow: Int
  /// The losses of the last.
  public let losses: Few<Double>

  /// The reason in one sentence.
  public var description: String {
    "\(inARow) steps in a row, up to step \(step), had a loss that is not finite "
      + "(the last: \(losses.prefix(4).map { "\($0)" }.joined(separator: ", "))): try a smaller learning rate"
  }
}
