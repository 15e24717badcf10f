/// What an estimator does that most do not. The laws of the test kit allow it to those that say so, and the interface of
/// run-time plugins passes on what a step has to allow; a step in process does not ask.
///
/// The last three speak of the mean of its estimates. An estimator with none of them is unbiased: E[g] = grad L. With
/// several of them it is held to the last.
public struct EstimatorTraits: OptionSet, Sendable, Hashable {
  /// The traits as bits.
  public let rawValue: Int

  /// The traits whose bits are set in `rawValue`.
  public init(rawValue: Int) { self.rawValue = rawValue }

  /// It measures on further mini-batches of the step too, `StepContext.batch(draw:)` with a draw above 0.
  public static let drawsBatches = EstimatorTraits(rawValue: 1 << 0)
  /// Its estimates contain directions that were measured in earlier steps, or a factor V that was drawn in one and is
  /// held. Its mean is then taken over whole runs; that of others over one step, given what they hold.
  public static let recallsDirections = EstimatorTraits(rawValue: 1 << 1)
  /// E[g] = s grad L with a number s > 0: directions of another length than RGE's, say. The learning rate makes up for s.
  public static let proportional = EstimatorTraits(rawValue: 1 << 2)
  /// E[g] = S grad L with a diagonal matrix S, no entry negative: coordinates that are left out, or scaled by a curvature.
  public static let scalesCoordinates = EstimatorTraits(rawValue: 1 << 3)
  /// Of its mean it says no more than that a step against it descends, <E[g], grad L> > 0: directions drawn about a
  /// momentum, say.
  public static let biased = EstimatorTraits(rawValue: 1 << 4)
}
