import Foundation
import Zeroth
import ZerothDistributed
import ZerothSupport
import ZerothTasks

extension TaskSetup {
  /// The objective of a run of `configuration`. It is a ``ShardedObjective`` where there are several shards, or several
  /// ranks in `job`.
  ///
  /// Throws `InputError` where there are no examples, and one that names an example that cannot be asked.
  func objective(_ configuration: RunConfiguration, in job: Job = Job()) throws -> any Objective {
    let training = try training()
    let (batch, seed) = (configuration.batch, UInt64(configuration.composition.seed))
    guard configuration.shards > 1 || job.isShared else { return try training.objective(batch: batch, seed: seed) }
    let shares = BatchShares(training, try training.sampler(batch: batch, seed: seed))
    return try ShardedObjective(
      shards: configuration.shards, job: job, shares: shares.of, didMeasure: { training.rewards?.endMeasuring() }
    ) { part, parts in
      try training.objective(batch: batch, seed: seed, part: ShardCut.range(part, of: parts, count: shares.size))
    }
  }

  /// The answers of the model on `split` at theta. They are computed by the ranks of `job` in as many parts as there
  /// are shards, and returned to all ranks.
  func evaluate(
    _ split: Split, at theta: borrowing ParameterStore, shards: Int, in job: Job
  ) throws -> TaskResult {
    guard shards > 1 || job.isShared else { return try evaluate(split, at: theta) }
    let examples = try job.together { try encodedExamples(of: split) }
    let count = examples.cuts.count
    guard count > 0, examples.part(0..<count) != nil else { return try job.together { try evaluate(split, at: theta) } }
    let own = try job.together {
      var parts: [TaskResult.Answers] = []
      for shard in ShardCut.shards(shards, of: job.rank, size: job.size) {
        let range = ShardCut.range(shard, of: shards, count: count)
        guard !range.isEmpty, let part = examples.part(range) else { continue }
        parts.append(try part.answers(at: theta))
      }
      return TaskResult.Answers(parts)?.encoded ?? []
    }
    let parts = job.gather(own).filter { !$0.isEmpty }.map { TaskResult.Answers(encoded: $0) }
    guard let answers = TaskResult.Answers(parts) else {
      throw InputError("\(split)", found: "no answers", expected: "\(count)")
    }
    return TaskResult(task, answers)
  }
}

extension RewardNotes {
  /// The spread of what all ranks of `job` noted since the last call; nil where nothing was noted.
  func take(in job: Job) -> RewardSpread? {
    take { own in
      job.gather(own.withUnsafeBytes { Array($0) }).map { bytes in
        bytes.withUnsafeBytes { Array($0.bindMemory(to: UInt64.self)) }
      }
    }
  }
}

/// The share of each part of a mini-batch.
private final class BatchShares {
  private let training: TrainingExamples
  private var sampler: BatchSampler
  private var known: (batch: Batch, parts: Int, shares: [ShardedObjective.Share])?

  init(_ training: TrainingExamples, _ sampler: BatchSampler) {
    self.training = training
    self.sampler = sampler
  }

  /// The number of examples in a mini-batch.
  var size: Int { sampler.size }

  func of(_ batch: Batch, parts: Int) -> [ShardedObjective.Share] {
    if let known, known.batch == batch, known.parts == parts { return known.shares }
    let drawn = Array(sampler.draw(step: batch.step, draw: batch.draw))
    let shares = (0..<parts).map { part in
      let range = ShardCut.range(part, of: parts, count: drawn.count)
      return ShardedObjective.Share(examples: range.count, units: training.units(of: drawn[range]))
    }
    known = (batch, parts, shares)
    return shares
  }
}
