/// An optimiser of any composition, for code that learns the parts at run time: `any OptimizerProtocol`.
public protocol OptimizerProtocol: Sendable {
  /// The step that comes next, counted from 0.
  var nextStep: Int { get }
  /// Floats of state beyond the parameters that the parts hold now.
  var stateCount: Int { get }
  /// Throws `InputError` when an option of a part is out of range or does not fit `layout`.
  func validate(_ layout: ParameterLayout) throws(InputError)
  /// Throws `InputError` unless every update has factors and nothing else moves a matrix, as a base that is never written asks.
  func requireFactors() throws(InputError)
  /// What a user should know about how the options are used on `layout`, in words.
  func notes(in layout: ParameterLayout) -> [String]
  /// What the losses of the estimator are taken over.
  var grain: LossGrain { get }
  /// Forward passes of step `step`, those of the adapter included.
  func forwards(at step: Int, in layout: ParameterLayout) -> Int
  /// Those of the adapter alone, which are taken over mini-batches.
  func adapterForwards(at step: Int) -> Int
  /// The factor by which the adapter last scaled or moved each of its blocks, for records; empty where there is none.
  func adapterRatios(in layout: ParameterLayout) -> [(block: ParameterBlock, ratio: Double)]
  /// Writes a checkpoint to `path`, with what `also` codes.
  func save(
    _ theta: borrowing ParameterStore, to path: String, also: (StateCoder) throws(InputError) -> Void
  ) throws(InputError)
  /// Bytes that `save` writes.
  func stateSize(
    with theta: borrowing ParameterStore, also: (StateCoder) throws(InputError) -> Void
  ) throws(InputError) -> Int
  /// Takes over what `save` wrote to `path`.
  mutating func restore(
    _ theta: inout ParameterStore, from path: String, also: (StateCoder) throws(InputError) -> Void
  ) throws(InputError)
  /// Moves theta by one step.
  @discardableResult
  mutating func step<O: Objective & ~Copyable>(
    _ theta: inout ParameterStore, _ objective: borrowing O
  ) throws -> StepReport
}

extension Optimizer: OptimizerProtocol {}

/// The parts of an optimiser, by the names that files and command lines have for them.
package enum OptimizerPart: String, CaseIterable, Sendable {
  case estimator, rule, adapter
}
