import ZerothSupport

extension Optimizer {
  /// Writes a checkpoint to `path`: the trainable blocks of theta, the state of the parts and the number of the next
  /// step. The file appears at `path` whole or not at all.
  ///
  ///     try optimizer.save(theta, to: "run.state")
  ///     try optimizer.restore(&theta, from: "run.state")        // in another process: it goes on bit for bit
  ///
  /// `also` saves further values, such as the counters of a loop of your own; `restore` has to be given a closure that
  /// names the same values. Throws `InputError` for a file that cannot be written, and for a part that holds state but
  /// saves none.
  public func save(
    _ theta: borrowing ParameterStore, to path: String, also: (StateCoder) throws(InputError) -> Void = { _ in }
  ) throws(InputError) {
    try write(theta, to: StateSink(path), also)
  }

  /// The number of bytes that `save` writes.
  public func stateSize(
    with theta: borrowing ParameterStore, also: (StateCoder) throws(InputError) -> Void = { _ in }
  ) throws(InputError) -> Int {
    let sink = try StateSink("a checkpoint", isCounting: true)
    try write(theta, to: sink, also)
    return sink.size
  }

  /// Takes over what `save` wrote to `path`. The run then goes on as if it had not been interrupted, bit for bit.
  ///
  /// theta has to hold the weights from which the run began, because frozen blocks are not in the checkpoint. Throws
  /// `InputError` for a file that is damaged, or that was written by another composition, seed or layout. theta and the
  /// optimiser are then unchanged.
  public mutating func restore(
    _ theta: inout ParameterStore, from path: String, also: (StateCoder) throws(InputError) -> Void = { _ in }
  ) throws(InputError) {
    try validate(theta.layout)
    if theta.keepsFactors { try requireFactors() }
    let source = try StateSource(path)
    let state = StateCoder(.reading(source), layout: theta.layout, generator: runKey.generator)
    var restored = self
    try restored.code(state, theta)
    try also(state)
    try state.scoped("theta") { (state) throws(InputError) in try theta.restoreState(state) }
    try source.finish()
    self = restored
    theta.roundingKey = runKey.child(.rounding)
    // A checkpoint from before the first step has no state of the adapter yet, so the first step has to begin it.
    validatedLayout = nextStep > 0 ? theta.layout : nil
  }

  private func write(
    _ theta: borrowing ParameterStore, to sink: StateSink, _ also: (StateCoder) throws(InputError) -> Void
  ) throws(InputError) {
    let state = StateCoder(.writing(sink), layout: theta.layout, generator: runKey.generator)
    var parts = self  // copies share large values, and none is changed here
    try parts.code(state, theta)
    try also(state)
    try state.scoped("theta") { (state) throws(InputError) in try theta.saveState(state) }
    try sink.finish()
  }

  /// Saves or restores all state except theta.
  private mutating func code(_ state: StateCoder, _ theta: borrowing ParameterStore) throws(InputError) {
    try state.require("estimator", String(reflecting: Estimator.self))
    try state.require("rule", String(reflecting: Rule.self))
    try state.require("adapter", String(reflecting: Adapter.self))
    try state.require("generator", runKey.generator)
    try state.require("seed", "the key \(ContentHash.hex(runKey.bits))")
    try state.require("layout", theta.layout.contentHash)
    try state.require("storage", theta.storageWords())
    try state.require("frozen blocks", theta.frozenHash())
    try state.code("step", &nextStep)
    try state.code("skipped-in-a-row", &skippedInARow)
    try code(&estimator, "estimator", estimator.stateCount, state) { (part, state) throws(InputError) in
      try part.codeState(state)
    }
    try code(&rule, "rule", rule.stateCount, state) { (part, state) throws(InputError) in try part.codeState(state) }
    try code(&adapter, "adapter", adapter.stateCount, state) { (part, state) throws(InputError) in
      try part.codeState(state)
    }
  }

  /// Saves or restores one part. A part that holds floats but names no value would restart from nothing after a
  /// restore, so it is refused.
  private func code<Part>(
    _ part: inout Part, _ name: String, _ stateCount: Int, _ state: StateCoder,
    _ code: (inout Part, StateCoder) throws(InputError) -> Void
  ) throws(InputError) {
    let before = state.count
    try state.scoped(name) { (state) throws(InputError) in try code(&part, state) }
    guard stateCount == 0 || state.count > before else {
      throw state.error(
        name, found: "\(stateCount) floats that \(Part.self) keeps and does not code", expected: "them in its codeState"
      )
    }
  }
}

extension ParameterStore {
  /// A hash of the stored bytes of the blocks that a run never writes: frozen blocks, and the matrices of a base.
  fileprivate borrowing func frozenHash() -> String {
    let stored = stored()
    var hash: UInt64 = 0
    for block in layout.blocks where !block.isTrainable || isMovedByFactors(block) {
      hash = ContentHash.xxh64(stored.bytes(of: block), seed: hash)
    }
    return ContentHash.hex(hash)
  }
}
