import Zeroth
import ZerothDistributed
import ZerothModels
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTraining

/// The time of steps that the ranks of a job make together. They work on one mini-batch of generated tokens, which is
/// cut into shards.
public struct SharedStepBenchmark {
  /// The times of one method.
  public struct Line: Sendable {
    /// The name of the method.
    public let name: String
    /// The seconds of a step.
    public let seconds: Spread
    /// For each rank, per step: the seconds that it waited for the others, and the bytes that it sent.
    public let ranks: [(waited: Double, bytes: Double)]
  }

  /// The measured methods.
  public private(set) var lines: [Line] = []
  private let setting: BenchmarkSetting
  private let shards: Int

  /// Times `repeats` steps of each of `methods` with `shards` shards, after one step that is not counted. Every rank of
  /// `job` must make the same call.
  public init(
    _ setting: BenchmarkSetting, methods: [String], shards: Int, repeats: Int, job: Job, registry: Registry
  ) throws {
    self.setting = setting
    self.shards = shards
    for name in methods {
      let task = try BenchmarkTask(setting)
      let method = try BenchmarkMethod(name, registry, estimator: setting.estimatorOptions)
      var optimizer = try method.optimizer(period: 1_000_000, registry)
      let objective = try task.sharded(shards, job)
      try optimizer.step(&task.theta, objective)
      let (waited, bytes) = (job.waited, job.bytes)
      var times: [Double] = []
      for _ in 0..<repeats { times.append(try seconds { _ = try optimizer.step(&task.theta, objective) }) }
      let own = [(job.waited - waited) / Double(repeats), Double(job.bytes - bytes) / Double(repeats)]
      let all = try job.exchange(.success(own), counts: [Int](repeating: 2, count: job.size), step: 0)
      let ranks = stride(from: 0, to: all.count, by: 2).map { (waited: all[$0], bytes: all[$0 + 1]) }
      lines.append(Line(name: name, seconds: Spread(times), ranks: ranks))
    }
  }

  private func tokensASecond(_ line: Line) -> Double {
    Double(setting.batch * setting.tokens) / line.seconds.median
  }

  /// The result as JSON.
  public var json: JSON {
    [
      "setting": setting.json, "shards": .int(shards), "threads": .int(Parallel.threads),
      "methods": .array(
        lines.map { line in
          .object(
            [.init("name", .string(line.name))] + line.seconds.members("seconds") + [
              .init("tokens_per_second", .double(tokensASecond(line))),
              .init(
                "ranks", .array(line.ranks.map { ["seconds_waited": .double($0.waited), "bytes": .double($0.bytes)] })),
            ])
        }),
    ]
  }

  /// The result as a table.
  public var text: String {
    var table = Table([
      .left("method"), .right("step, ms"), .right("tokens a second"), .right("waited, ms"), .right("bytes a rank"),
    ])
    for line in lines {
      table.rows.append([
        line.name, line.seconds.scaled(by: 1000).text(1), Human.fixed(tokensASecond(line), 0),
        line.ranks.map { Human.fixed(1000 * $0.waited, 1) }.joined(separator: " "),
        Human.fixed(line.ranks.map(\.bytes).max() ?? 0, 0),
      ])
    }
    let ranks = lines.first?.ranks.count ?? 1
    return "\(setting.text), \(ranks) rank\(ranks == 1 ? "" : "s"), \(shards) shards; medians (quartiles)\n\n"
      + table.text
  }
}

extension BenchmarkTask {
  /// The next-token loss of the mini-batch, cut into `shards` shards that the ranks of `job` share.
  fileprivate func sharded(_ shards: Int, _ job: Job) throws -> ShardedObjective {
    let sequences = self.sequences.map { LanguageModelingObjective.Sequence($0) }
    return try ShardedObjective(
      shards: shards, job: job,
      shares: { _, parts in
        (0..<parts).map { part in
          let range = ShardCut.range(part, of: parts, count: sequences.count)
          return .init(examples: range.count, units: sequences[range].reduce(0) { $0 + $1.scoredCount })
        }
      },
      make: { [model] part, parts in
        let own = Array(sequences[ShardCut.range(part, of: parts, count: sequences.count)])
        return LanguageModelingObjective(model, own, try BatchSampler(count: own.count, size: own.count, seed: 0))
      })
  }
}
