/// The position in a run: what a strategy needs to know at a step, besides its own options.
public struct StepContext: Sendable {
  /// The step, counted from 0.
  public let step: Int
  /// The key of the whole run.
  public let runKey: StreamKey
  /// The blocks of the parameters.
  public let layout: ParameterLayout

  /// Step `step` of the run with key `runKey`.
  public init(step: Int, runKey: StreamKey, layout: ParameterLayout) {
    self.step = step
    self.runKey = runKey
    self.layout = layout
  }

  /// The key of this step.
  public var key: StreamKey { runKey.child(.step, step) }

  /// The mini-batch of this step.
  public var batch: Batch { Batch(step: step) }

  /// A further mini-batch of this step, number `draw` from 1 on; draw 0 is the step's own.
  public func batch(draw: Int) -> Batch { Batch(step: step, draw: draw) }
}
