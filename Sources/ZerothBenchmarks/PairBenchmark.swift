import Zeroth
import ZerothModels
import ZerothRecords
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTestKit
import ZerothTraining

/// The time of a step of one composition over that of a step of another, on imdb-opt and SST-2. It shows what an
/// estimator from a plugin costs compared with the same estimator built in.
///
/// Both compositions run on the same mini-batches and take turns. Each goes first in every second round, so that a
/// change in the machine's speed affects both alike.
public struct PairBenchmark {
  /// The names of the two compositions.
  public let names: [String]
  /// The seconds of their steps.
  public let seconds: [Spread]
  /// A step of the first over the step of the second in the same round.
  public let ratio: Spread
  /// Whether both end with the same weights, bit for bit.
  public let hasSameWeights: Bool
  private let rounds: Int

  /// Runs two rounds to warm up and then `repeats` rounds. A name is that of a preset, or parts joined by `+`.
  public init(_ first: String, over second: String, batch: Int = 16, repeats: Int, registry: Registry) throws {
    try require("--repeats", repeats, "1 to 100000") { (1...100_000).contains($0) }
    names = [first, second]
    rounds = repeats
    let setup = try TaskSetup(
      modelPath: Embedded.modelName, task: try TaskRegistry.standard.task(named: "sst2"), seed: 0)
    let objective = try setup.training().objective(batch: batch, seed: 0)
    let sides = try names.map { name in
      let optimizer = try BenchmarkMethod(name, registry).optimizer(registry)
      return Side(optimizer, try setup.model.loadParameters())
    }
    var ratios: [Double] = []
    for round in -2..<repeats {
      for place in 0..<2 { try sides[(round & 1) ^ place].step(objective) }
      if round >= 0 { ratios.append(sides[0].last / sides[1].last) }
    }
    seconds = sides.map { Spread(Array($0.times.dropFirst(2))) }
    ratio = Spread(ratios)
    hasSameWeights = sides[0].theta.contentHash() == sides[1].theta.contentHash()
  }

  private final class Side {
    var optimizer: any OptimizerProtocol
    var theta: ParameterStore
    private(set) var times: [Double] = []

    init(_ optimizer: any OptimizerProtocol, _ theta: consuming ParameterStore) {
      self.optimizer = optimizer
      self.theta = theta
    }

    var last: Double { times.last ?? .nan }

    func step(_ objective: any Objective) throws {
      times.append(try ZerothBenchmarks.seconds { _ = try optimizer.step(&theta, objective) })
    }
  }

  /// The result as JSON.
  public var json: JSON {
    .object(
      [.init("threads", .int(Parallel.threads)), .init("repeats", .int(rounds))] + ratio.members("ratio")
        + [
          .init("same_weights", .bool(hasSameWeights)),
          .init(
            "steps",
            .array(zip(names, seconds).map { .object([.init("name", .string($0))] + $1.members("step_seconds")) })),
        ])
  }

  /// The result as a table.
  public var text: String {
    var table = Table([.left("composition"), .right("step, s"), .right("ratio")])
    table.rows.append([names[0], seconds[0].text(4), ratio.text(4)])
    table.rows.append([names[1], seconds[1].text(4), "1"])
    return "imdb-opt, SST-2, \(Parallel.threads) threads; medians of \(rounds) rounds (quartiles); "
      + (hasSameWeights ? "the same weights, bit for bit\n\n" : "other weights\n\n") + table.text
  }
}
