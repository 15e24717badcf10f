import Foundation
import Zeroth
import ZerothDistributed
import ZerothModels
import ZerothTasks

/// The best model of a run by its dev score. It is kept in the run's folder, or in memory where there is no folder, and
/// is measured on test at the end.
struct BestModel {
  let configuration: RunConfiguration
  let setup: TaskSetup
  let job: Job
  private var kept: Kept?

  /// Holds a store, which cannot be copied.
  private final class Kept {
    let theta: ParameterStore
    init(_ theta: consuming ParameterStore) { self.theta = theta }
  }

  /// No model yet.
  init(_ configuration: RunConfiguration, _ setup: TaskSetup, _ job: Job) {
    self.configuration = configuration
    self.setup = setup
    self.job = job
  }

  /// Keeps theta, the model after `step` steps, in place of the earlier one: in `folder` or, without one, in memory.
  /// Returns the hash of its weights where there is a folder, else nil.
  mutating func keep(_ theta: borrowing ParameterStore, step: Int, in folder: RunFolder?) throws -> String? {
    guard let folder else {
      kept = Kept(theta.copyAsStored())
      return nil
    }
    let hash = theta.contentHash()
    if folder.needsModel(after: step) {
      try folder.synchronize()
      try setup.model.pretrained.save(theta, to: folder.files.model, as: configuration.savedPrecision)
    }
    return hash
  }

  /// Whether the kept model has exactly the weights of the run, because nothing was rounded or nothing was saved.
  /// `isTuned` is false for the model before the first step.
  func isExact(isTuned: Bool, in folder: RunFolder?) -> Bool {
    folder == nil || configuration.storage == .frozen
      || setup.model.pretrained.folder.isExact(configuration.savedPrecision, isTuned: isTuned)
  }

  /// The test scores of the kept model: its weights are rounded to the precision of the file, and stored in memory as
  /// in the run.
  func testScores(in folder: RunFolder?) throws -> Scores {
    if let kept { return TaskResult(setup.task, try answers(kept.theta, in: job)).scores }
    guard let folder else { return Scores([]) }
    // A rank without access to the folder cannot load the model. Rank 0 then computes all parts alone.
    guard job.all(FileManager.default.fileExists(atPath: folder.files.model)) else {
      let encoded = try job.fromLeader { try answers(saved(in: folder.files.model), in: Job()).encoded }
      return TaskResult(setup.task, .init(encoded: encoded)).scores
    }
    let theta = try job.together { try saved(in: folder.files.model) }
    return TaskResult(setup.task, try answers(theta, in: job)).scores
  }

  private func answers(_ theta: borrowing ParameterStore, in job: Job) throws -> TaskResult.Answers {
    try setup.evaluate(.test, at: theta, shards: configuration.shards, in: job).answers
  }

  /// The model that was saved in `directory`, with its weights stored in memory as in the run.
  private func saved(in directory: String) throws -> ParameterStore {
    let model = setup.model.pretrained.folder
    if model.savesAdapter(configuration.storage) {
      return try model.loadAdapter(in: directory, storage: configuration.storage)
    }
    return try loadModel(directory: directory, families: configuration.families)
      .loadParameters(storage: configuration.storage)
  }
}
