/// Estimates the gradient from losses alone.
///
/// Laws, checked by the test kit: exactly `forwards(at:in:)` forward passes, all on the mini-batch of the step unless it
/// `drawsBatches`; the directions returned are those measured in this step, or in one before if it
/// `recallsDirections`; the same key gives the same estimate, for any number of threads; unbiased as the epsilon goes
/// to 0. That theta stays as it is, the borrow guarantees.
public protocol GradientEstimator<Direction>: Sendable {
  /// The kind of direction it measures along.
  associatedtype Direction: Zeroth.Direction

  /// Throws `InputError` when its options do not fit `layout`.
  func validate(_ layout: ParameterLayout) throws(InputError)

  /// Forward passes at step `step`.
  func forwards(at step: Int, in layout: ParameterLayout) -> Int

  /// Whether it measures on further mini-batches of the step too, `StepContext.batch(draw:)`.
  var drawsBatches: Bool { get }

  /// Whether its estimates contain directions that were measured in earlier steps.
  var recallsDirections: Bool { get }

  /// Measures the objective around theta and returns the estimate.
  mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<Direction>

  /// Floats of state that the estimator holds now.
  var stateCount: Int { get }

  /// What went wrong where it could not be thrown, such as in a direction of foreign code. The optimiser throws it before
  /// anything comes of the step.
  var fault: InputError? { get }
}

extension GradientEstimator {
  /// Every layout will do.
  public func validate(_ layout: ParameterLayout) throws(InputError) {}
  /// No: all on the step's mini-batch.
  public var drawsBatches: Bool { false }
  /// No: every estimate starts afresh.
  public var recallsDirections: Bool { false }
  /// No state: every estimate starts afresh.
  public var stateCount: Int { 0 }
  /// Nothing.
  public var fault: InputError? { nil }
}
