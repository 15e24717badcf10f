/// Estimates the gradient. It uses losses alone, unless ``Needs`` says that it needs derivatives.
///
/// Laws, checked by the test kit: an estimate takes exactly `forwards(at:in:)` forward passes, all on the mini-batch of
/// the step; the directions of the estimate are those measured in this step; the same key gives the same estimate, for
/// any number of threads; the estimate is unbiased as epsilon goes to 0, at every step, given what the estimator holds
/// from earlier steps. An estimator cannot change theta, because theta is borrowed.
///
/// An estimator declares `EstimatorTraits` where it is checked or registered if it draws further mini-batches, uses
/// directions of earlier steps, or has another mean than the gradient.
public protocol GradientEstimator<Direction>: Sendable {
  /// The type of the directions along which it measures.
  associatedtype Direction: Zeroth.Direction
  /// What the estimator needs from an objective: losses alone, or `Derivatives`.
  associatedtype Needs: ObjectiveNeeds = LossesAlone

  /// Throws `InputError` when the options do not fit `layout`.
  func validate(_ layout: ParameterLayout) throws(InputError)

  /// Sentences that tell a user how the options are applied to `layout` where that is not obvious.
  func notes(in layout: ParameterLayout) -> [String]

  /// The number of forward passes at step `step`.
  func forwards(at step: Int, in layout: ParameterLayout) -> Int

  /// Measures the objective around theta and returns the estimate.
  ///
  /// Throws what the objective throws. Most estimators throw nothing else: they declare `throws(O.Failure)`, and are
  /// called without `try` on an objective that cannot fail. An estimator that runs foreign code also throws the errors
  /// of that code.
  mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws -> GradientEstimate<Direction>

  /// The smallest number of queries that a step has, over all steps. Where it is more than one, each estimate has at
  /// least that many ``GradientEstimate/coefficients``. A rule that compares coefficients refuses an estimator with
  /// fewer queries than it needs.
  var fewestQueries: Int { get }

  /// Whether its losses are those of mini-batches or of single examples. A run records and replays these losses.
  var grain: LossGrain { get }

  /// Whether a step can be made again from a record of the losses (and slopes) alone. Where it is false, a replay
  /// computes the gradients again, and needs the objective for that.
  var isReplayedFromLosses: Bool { get }

  /// The number of floats of state that the estimator holds now.
  var stateCount: Int { get }

  /// Saves or restores all values on which the next steps depend, besides theta and the options. `Optimizer.save` and
  /// `Optimizer.restore` call it. Law, checked by the test kit: a run that was saved and restored goes on bit for bit.
  ///
  /// Throws `InputError` for a checkpoint that does not fit.
  mutating func codeState(_ state: StateCoder) throws(InputError)
}

extension GradientEstimator {
  /// Accepts every layout.
  public func validate(_ layout: ParameterLayout) throws(InputError) {}
  /// An empty list: there is nothing to tell about this layout.
  public func notes(in layout: ParameterLayout) -> [String] { [] }
  /// 1.
  public var fewestQueries: Int { 1 }
  /// The losses are those of mini-batches.
  public var grain: LossGrain { .batch }
  /// True: all decisions of the estimator follow from the recorded losses.
  public var isReplayedFromLosses: Bool { true }
  /// 0: no state is kept from one step to the next.
  public var stateCount: Int { 0 }
  /// Saves nothing: right for an estimator without state.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {}
}
