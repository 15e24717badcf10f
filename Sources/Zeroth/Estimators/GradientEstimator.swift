/// Estimates the gradient: from losses alone, unless it says that it ``Needs`` derivatives.
///
/// Laws, checked by the test kit: exactly `forwards(at:in:)` forward passes, all on the mini-batch of the step; the
/// directions returned are those measured in this step; the same key gives the same estimate, for any number of
/// threads; unbiased as the epsilon goes to 0, at every step and given what it holds from those before. That theta stays
/// as it is, the borrow guarantees. An estimator that draws further mini-batches, recalls directions of earlier steps or
/// has another mean than the gradient says so by `EstimatorTraits`, where it is checked or registered.
public protocol GradientEstimator<Direction>: Sendable {
  /// The kind of direction it measures along.
  associatedtype Direction: Zeroth.Direction
  /// What it asks of an objective: losses alone, unless it says `Derivatives`.
  associatedtype Needs: ObjectiveNeeds = LossesAlone

  /// Throws `InputError` when its options do not fit `layout`.
  func validate(_ layout: ParameterLayout) throws(InputError)

  /// What a user should know about how its options are used on `layout`, in words.
  func notes(in layout: ParameterLayout) -> [String]

  /// Forward passes at step `step`.
  func forwards(at step: Int, in layout: ParameterLayout) -> Int

  /// Measures the objective around theta and returns the estimate.
  ///
  /// Throws what the objective throws, and nothing else in most estimators: those declare `throws(O.Failure)`, and are
  /// called without `try` on an objective that cannot fail. One that runs foreign code throws what goes wrong there too.
  mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws -> GradientEstimate<Direction>

  /// The fewest queries of a step, over the steps: its estimates have at least so many ``GradientEstimate/coefficients`` where
  /// that is more than one. Rules that compare them refuse an estimator with fewer than they need.
  var fewestQueries: Int { get }

  /// What its losses are taken over: those are what a run records and replays.
  var grain: LossGrain { get }

  /// Whether a record of its losses, or of losses and slopes, is enough to make its steps again. A replay computes the
  /// gradients of others anew, and needs the objective for it.
  var isReplayedFromLosses: Bool { get }

  /// Floats of state that the estimator holds now.
  var stateCount: Int { get }

  /// Codes all that the next steps depend on beside theta and the options, so that a checkpoint can be written and restored
  /// (`Optimizer.save`, `Optimizer.restore`). Laws, checked by the test kit: what was saved and restored goes on bit for bit.
  ///
  /// Throws `InputError` for a checkpoint that does not fit.
  mutating func codeState(_ state: StateCoder) throws(InputError)
}

extension GradientEstimator {
  /// Every layout will do.
  public func validate(_ layout: ParameterLayout) throws(InputError) {}
  /// An empty list: there is nothing to tell the user about this layout.
  public func notes(in layout: ParameterLayout) -> [String] { [] }
  /// One.
  public var fewestQueries: Int { 1 }
  /// The mini-batch.
  public var grain: LossGrain { .batch }
  /// True: the losses on record are all that its decisions rest on.
  public var isReplayedFromLosses: Bool { true }
  /// No state: every estimate starts afresh.
  public var stateCount: Int { 0 }
  /// Keeps nothing: right for an estimator without state.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {}
}
