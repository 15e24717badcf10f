/// The error of a strategy that breaks a law of its protocol. Every checker of the test kit throws it, so any test
/// framework can show it.
public struct LawViolation: Error, Hashable, Sendable, CustomStringConvertible {
  /// The laws, in groups by protocol.
  public enum Law: String, CaseIterable, Sendable {
    case directionIsAddedInParts = "direction: adding row by row equals adding at once, bit for bit"
    case directionIgnoresItsTarget = "direction: what is added does not depend on what it is added to"
    case directionRepeats = "direction: asked again, for any order and any number of threads, it adds the same bits"
    case directionScales = "direction: twice the scale adds twice as much, a scale of 0 nothing"
    case directionWritesWhatItAdds = "direction: writing equals adding to zeros, bit for bit"
    case directionIsZeroWhereItDoesNotTouch = "direction: zero on blocks that it does not touch"
    case directionLeavesFrozenBlocks = "direction: frozen blocks keep their bits"
    case directionEqualsItsFactors = "direction: a low-rank direction equals matrixScale U V^T on matrices"
    case directionEqualsItsTerms = "direction: a sum equals its weighted terms"

    case coreImageIsTheDirection = "core: the image of a direction's core is the direction"
    case coreFrameIsShared = "core: the directions of an estimate share a frame"
    case coreIsCarriedOver = "core: carried over to another frame, its image changes least"

    case objectivePointsAreTheirOwn = "objective: each point's loss is the one that it has alone, to rounding"
    case objectiveExamplesMakeTheLoss =
      "objective: the losses of the examples have the loss as their mean, at every point"
    case objectiveExamplesHaveTheirDirections =
      "objective: an example along its own direction has the loss that it has where all are measured along it"
    case objectiveLeavesTheta = "objective: theta stays bit for bit as it is"
    case objectiveGradientIsTheLimit = "objective: the gradient is the limit of central differences"
    case objectiveDerivativeIsTheProduct =
      "objective: the derivative along a direction is its product with the gradient"
    case objectiveDifferentiatesItsLoss = "objective: the loss that comes with a derivative is the loss"
    case objectiveRepeats = "objective: asked again, for any number of threads, it gives the same bits"

    case estimatorFits = "estimator: its options fit the layout that it is checked on"
    case estimatorLeavesTheta = "estimator: theta stays bit for bit as it is, also while measuring and after an error"
    case estimatorPassesErrors = "estimator: an error of the objective is passed on"
    case estimatorCounts = "estimator: exactly the declared number of forward passes"
    case estimatorReportsLosses = "estimator: the losses returned are those measured, in their order"
    case estimatorKeepsTheBatch =
      "estimator: all forward passes on the mini-batch of the step, or on declared draws of the step"
    case estimatorReturnsWhatItMeasured = "estimator: the direction returned is the one measured"
    case estimatorHasItsQueries =
      "estimator: an estimate has as many coefficients as the fewest queries that are declared"
    case estimatorRepeats = "estimator: the same key gives the same estimate, for any number of threads"
    case estimatorIsUnbiased = "estimator: the mean of the estimates is the gradient, at every step"
    case estimatorIsProportional = "estimator: declared proportional, the mean is a positive multiple of the gradient"
    case estimatorScalesCoordinates =
      "estimator: declared to scale coordinates, the mean has the gradient's sign or 0 at each"
    case estimatorDescends = "estimator: declared biased, a step against the mean descends"
    case estimatorAverages = "estimator: the variance falls as 1/q"

    case ruleWithoutMemoryIsSGD = "rule: without memory, the step is -eta sum c D"
    case ruleHasItsGain = "rule: on the same estimate again and again, the step tends to -eta gain g"
    case ruleIsAValue = "rule: a copy of a rule is independent of it, and so is an update it made before"
    case ruleRepeats = "rule: the same estimates give the same updates, for any number of threads"

    case adapterFits = "adapter: its options fit the layout that it is checked on"
    case adapterCounts = "adapter: exactly the declared number of forward passes"
    case adapterLeavesThetaWhileMeasuring = "adapter: theta is not written while measuring, nor when that fails"
    case adapterLeavesOtherBlocks = "adapter: blocks outside the selection keep their bits"
    case adapterStaysInRange = "adapter: ratios stay in [1 - tau, 1 + tau]"
    case adapterMovesAlongDelta = "adapter: a block moves along its own difference alone"
    case adapterIdentity = "adapter: ratio 1 is the identity, bit for bit"
    case adapterIsSafeWithoutMovement = "adapter: a block that has not moved stays as it is"
    case adapterSurvivesNonFiniteLosses = "adapter: a move whose losses are not finite is left out and counted"
    case adapterRepeats = "adapter: the same run gives the same bits, for any number of threads"
    case adapterActs = "adapter: what it measures has an effect"

    case stateGoesOn = "state: what was saved and restored goes on as if there had been no interruption, bit for bit"

    case optionsStartAtTheDefaults = "options: a strategy made from no options is what its initialiser makes"

    case loopsUseTheThreads = "threads: a comparison of thread counts runs loops on all of them"

    case goldenTrajectory = "golden trajectory: five steps lead where the file says"
    case nothingLeftToFillIn = "documentation: nothing is left to fill in"
  }

  /// The law that is broken.
  public let law: Law
  /// What was found.
  public let found: String
  /// What the law asks for.
  public let expected: String

  /// A violation of `law`.
  public init(_ law: Law, found: String, expected: String) {
    self.law = law
    self.found = found
    self.expected = expected
  }

  /// One sentence: the law, what was found and what was expected.
  public var description: String { "\(law.rawValue): found \(found), expected \(expected)" }
}

/// Throws a violation of `law` unless `holds`.
func demand(
  _ law: LawViolation.Law, _ holds: Bool, found: @autoclosure () -> String, expected: @autoclosure () -> String
) throws(LawViolation) {
  if !holds { throw LawViolation(law, found: found(), expected: expected()) }
}

/// Throws a violation of `law` unless `found` and `expected` agree bit for bit.
func demandSameBits(
  _ law: LawViolation.Law, _ found: [Float], _ expected: [Float], _ place: @autoclosure () -> String
) throws(LawViolation) {
  guard found.count == expected.count else {
    throw LawViolation(law, found: "\(found.count) elements \(place())", expected: "\(expected.count)")
  }
  for (i, (a, b)) in zip(found, expected).enumerated() where a.bitPattern != b.bitPattern {
    throw LawViolation(law, found: "\(a) at element \(i) \(place())", expected: "\(b)")
  }
}
