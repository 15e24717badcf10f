/// Properties in which an estimator differs from most others. An estimator that declares a trait is held to a weaker
/// law by the test kit. For a run-time plugin, the traits also say what a step has to provide; a step in process does
/// not need to know them.
///
/// The last three traits concern the mean of the estimates. An estimator with none of the three is unbiased: E[g] =
/// grad L. An estimator with several of them is held to the last of them.
public struct EstimatorTraits: OptionSet, Sendable, Hashable {
  /// The traits as bits.
  public let rawValue: Int

  /// The traits whose bits are set in `rawValue`.
  public init(rawValue: Int) { self.rawValue = rawValue }

  /// The estimator also measures on further mini-batches of the step: `StepContext.batch(draw:)` with a draw above 0.
  public static let drawsBatches = EstimatorTraits(rawValue: 1 << 0)
  /// The estimates contain directions that were measured in earlier steps, or a factor V that was drawn in an earlier
  /// step and is held. The mean is then taken over whole runs. For other estimators it is taken over one step, given
  /// what they hold from earlier steps.
  public static let recallsDirections = EstimatorTraits(rawValue: 1 << 1)
  /// E[g] = s grad L with a number s > 0, for example because the directions have another length than those of RGE. The
  /// learning rate compensates for s.
  public static let proportional = EstimatorTraits(rawValue: 1 << 2)
  /// E[g] = S grad L with a diagonal matrix S that has no negative entry, for example because coordinates are left out
  /// or scaled by a curvature.
  public static let scalesCoordinates = EstimatorTraits(rawValue: 1 << 3)
  /// The only claim about the mean is that a step against it descends, <E[g], grad L> > 0. An example is an estimator
  /// that draws its directions around a momentum.
  public static let biased = EstimatorTraits(rawValue: 1 << 4)
}
