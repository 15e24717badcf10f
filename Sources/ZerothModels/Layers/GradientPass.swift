import Zeroth

/// What a model keeps for computing gradients: the memory of tapes, and whether activations are recomputed.
final class GradientMemory {
  /// Whether layers are recomputed when their derivative is needed, instead of being kept. This needs less memory and
  /// more time.
  var recomputes = false
  private lazy var saved = Workspace()

  /// Adds the gradient of sum_i a_i v_i by the trained blocks to `gradient`. The v_i are the values that `readout`
  /// gives for `batch`. The a_i are their `adjoints`, which are asked for once, when the values are known.
  ///
  /// A batch of more than `limit` tokens is cut into micro-batches. Its values are then first computed by `evaluate`,
  /// and each micro-batch is computed a second time on its tape.
  func add<R: BatchReadout>(
    _ readout: R, of batch: TokenBatch, limit: Int, in workspace: Workspace, layout: ParameterLayout,
    to gradient: inout StoredVector, evaluate: () throws(InputError) -> [Double],
    adjoints: ([Double]) throws(InputError) -> [Double], record: (TokenBatch, R, Tape) -> [Double]
  ) throws(InputError) {
    let places = gradient.addresses(count: layout.blocks.count)
    func pass(_ batch: TokenBatch, _ readout: R, _ adjoints: ([Double]) throws(InputError) -> [Double])
      throws(InputError)
    {
      try saved.scope { () throws(InputError) in
        try workspace.scope { () throws(InputError) in
          let tape = Tape(workspace, saved: saved, gradients: places, recomputes: recomputes)
          let values = record(batch, readout, tape)
          tape.reverse(from: try adjoints(values))
        }
      }
    }
    guard batch.tokens.count > limit else { return try pass(batch, readout, adjoints) }
    let values = try evaluate()
    let all = try adjoints(values)
    let width = values.count / max(1, readout.count(in: batch))
    for run in batch.microBatches(of: limit) {
      let (part, places) = readout.part(rows: batch.rows(of: run), segments: run)
      guard !places.isEmpty else { continue }
      try pass(batch.part(run), part) { _ in places.flatMap { all[($0 * width)..<(($0 + 1) * width)] } }
    }
  }
}
