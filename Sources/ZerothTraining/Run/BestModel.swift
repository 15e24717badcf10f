import Foundation
import Zeroth
import ZerothDistributed
import ZerothModels
import ZerothTasks

/// The best model of a run by dev: kept in the run's folder or, without one, in memory, and asked on test at the end.
struct BestModel {
  let configuration: RunConfiguration
  let setup: TaskSetup
  let folder: RunFolder?
  let job: Job
  private var kept: Kept?

  /// A place for a store, which cannot be copied.
  private final class Kept {
    let theta: ParameterStore
    init(_ theta: consuming ParameterStore) { self.theta = theta }
  }

  /// None yet. Without a `folder` it will be kept in memory.
  init(_ configuration: RunConfiguration, _ setup: TaskSetup, in folder: RunFolder?, _ job: Job) {
    self.configuration = configuration
    self.setup = setup
    self.folder = folder
    self.job = job
  }

  /// Keeps theta, the model after `step` steps, in the place of the one before. Returns the hash of its weights, where there is a folder.
  mutating func keep(_ theta: borrowing ParameterStore, step: Int) throws -> String? {
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

  /// Whether the model that is kept has the weights that it was made of: nothing was rounded, or nothing saved. It `isTuned` unless it is the
  /// model before the first step.
  func isExact(isTuned: Bool) -> Bool {
    folder == nil || configuration.storage == .frozen
      || setup.model.pretrained.folder.isExact(configuration.savedPrecision, isTuned: isTuned)
  }

  /// Test scores of the model as it is kept: rounded to the precision of the file, and held as the run holds its weights.
  func testScores() throws -> Scores {
    if let kept { return TaskResult(setup.task, try answers(kept.theta, in: job)).scores }
    guard let folder else { return Scores([]) }
    // A rank that does not see the folder cannot help: then rank 0 does it alone, in the same parts.
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

  /// The model that was saved in `directory`, as the run holds its weights.
  private func saved(in directory: String) throws -> ParameterStore {
    let model = setup.model.pretrained.folder
    if model.savesAdapter(configuration.storage) {
      return try model.loadAdapter(in: directory, storage: configuration.storage)
    }
    return try loadModel(directory: directory, families: configuration.families)
      .loadParameters(storage: configuration.storage)
  }
}
