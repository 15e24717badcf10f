import Zeroth
import ZerothResources
import ZerothSupport

extension TrainingRun {
  /// Notes about a learning rate that was chosen for another model, about an option that has no effect, and about a job
  /// of several ranks.
  func notes(_ optimizer: some OptimizerProtocol) -> [String] {
    var notes: [String] = []
    if let rate = configuration.presetRate, configuration.modelPath != Embedded.modelName {
      notes.append(
        "the learning rate, \(rate), is the preset's, which was chosen on \(Embedded.modelName) (4.3 M parameters); "
          + "--learning-rate auto measures one for this model")
    }
    if configuration.recomputesActivations, !optimizer.needsDerivatives, configuration.diagnoseEvery == nil {
      notes.append("run.checkpointing changes nothing, as no gradient is taken")
    }
    if job.isShared {
      let shards = configuration.shards
      let idle = job.size > shards ? "; \(job.size - shards) ranks have none and wait" : ""
      notes.append("\(job.size) ranks measure each mini-batch in \(shards) shards\(idle)")
    }
    return notes
  }
}

extension RunResult {
  /// The reason why the losses of a run are not finite, in words, as far as theta and one more loss show it.
  func cause(
    of error: NonFiniteError, _ theta: borrowing ParameterStore, _ objective: some Objective
  ) -> String {
    for block in theta.layout.blocks where !theta.isFinite(block) {
      let when =
        steps < skipped
        ? "as it was read" : "after updates that were too large: try a smaller learning rate"
      return "; theta is not finite in \(block.name), \(when)"
    }
    let loss = (try? objective.loss(at: theta, on: Batch(step: error.step))) ?? .nan
    if loss.isFinite {
      let epsilon = error.epsilon.map { "\($0)" } ?? "the estimator's"
      return "; at theta itself the loss is \(Human.fixed(loss, 4)): epsilon, \(epsilon), moves too far"
    }
    return "; the loss at theta itself is not finite either, although all of its weights are: the activations overflow"
  }
}
