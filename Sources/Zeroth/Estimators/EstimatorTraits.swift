/// What an estimator does that most do not. The laws of the test kit allow it to those that say so, and the interface of
/// run-time plugins passes it on; a step does not ask.
public struct EstimatorTraits: OptionSet, Sendable, Hashable {
  /// The traits as bits.
  public let rawValue: Int

  /// The traits whose bits are set in `rawValue`.
  public init(rawValue: Int) { self.rawValue = rawValue }

  /// It measures on further mini-batches of the step too, `StepContext.batch(draw:)` with a draw above 0.
  public static let drawsBatches = EstimatorTraits(rawValue: 1 << 0)
  /// Its estimates contain directions that were measured in earlier steps.
  public static let recallsDirections = EstimatorTraits(rawValue: 1 << 1)
}
