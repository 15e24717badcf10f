import CZeroth
import Zeroth
import ZerothModels
import ZerothRecords
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTestKit
import ZerothTraining

/// The time of the matrix products of a model's layers, without the vocabulary, for several numbers of rows. They are
/// made by plain sgemm, and in the ways that the model makes them: with plain weights, and at both signs of a
/// direction.
public struct GemmBenchmark {
  /// The times for one number of rows.
  public struct Line: Sendable {
    /// The number of rows of the activations.
    public let rows: Int
    /// The seconds by sgemm, in the faster of two ways to divide the products between threads.
    public let plain: Spread
    /// The seconds as the model makes the products.
    public let model: Spread
    /// The seconds for both signs of a direction of rank 2, that is, for twice the rows.
    public let lowRank: Spread
    /// The seconds for both signs of a dense direction.
    public let dense: Spread
    /// The number of operations for this number of rows, of one sign.
    public let operations: Double
  }

  /// The numbers of rows that are measured.
  public static let rows = [1, 8, 32, 64, 256, 1024]

  /// The measured times, one line for each number of rows.
  public let lines: [Line]
  /// The operations per second of a product of 512 rows with a matrix of 3072 x 768. Reports quote this as the peak.
  public let peak: Double
  private let shape: BenchmarkShape

  /// Measures the layers of `shape`, `repeats` times each.
  public init(shape: BenchmarkShape, repeats: Int, rows: [Int] = Self.rows) throws {
    try require("--repeats", repeats, "1 to 100000") { (1...100_000).contains($0) }
    self.shape = shape
    let task = try BenchmarkTask(BenchmarkSetting(shape: shape.name, batch: 1, tokens: 2))
    let layout = task.model.layout
    let key = StreamKey(seed: 2)
    let dense = DenseDirection(key, layout: layout)
    let lowRank = LowRankProbe(rank: 2, leftKey: key.child(.left), rightKey: key.child(.right))
    lines = try rows.map { rows in
      let layers = LinearLayers.Layer.products(of: task.model, rows: rows, readOut: rows)
        .filter { $0.weight.layer != nil }
      let plain = PlainProducts(layers)
      let model = LinearLayers(layers)
      let times = try interleaved(
        repeats,
        [
          { plain.run(at: task.theta, cut: .weight) }, { plain.run(at: task.theta, cut: .rows) },
          { model.run(at: task.theta) },
          { model.run(at: task.theta, along: lowRank, offsets: [1e-3, -1e-3]) },
          { model.run(at: task.theta, along: dense, offsets: [1e-3, -1e-3]) },
        ])
      return Line(
        rows: rows, plain: times[0].median < times[1].median ? times[0] : times[1], model: times[2],
        lowRank: times[3], dense: times[4], operations: plain.operations)
    }
    let weight = try ParameterStore(ParameterLayout([.init("w", rows: 3072, columns: 768)]))
    let square = PlainProducts([.init(weight.layout.blocks[0], rows: 512)])
    let times = PlainProducts.Cut.allCases.map { cut in
      Spread((0...repeats).map { _ in seconds(repeatedFor: 0.05) { square.run(at: weight, cut: cut) } })
    }
    peak = square.operations / (times.map(\.median).min() ?? .nan)
  }

  /// The result as JSON.
  public var json: JSON {
    [
      "shape": .string(shape.name), "threads": .int(Parallel.threads),
      "gflops_512x768x3072": .double(peak / 1e9), "openblas": .string(Backend.blasConfiguration),
      "lines": .array(
        lines.map { line in
          .object(
            [.init("rows", .int(line.rows))] + line.plain.members("sgemm_seconds")
              + line.model.members("model_seconds") + line.lowRank.members("low_rank_pair_seconds")
              + line.dense.members("dense_pair_seconds")
              + [
                .init("sgemm_gflops", .double(line.operations / line.plain.median / 1e9)),
                .init("model_gflops", .double(line.operations / line.model.median / 1e9)),
              ])
        }),
    ]
  }

  /// The result as a table.
  public var text: String {
    var table = Table([
      .right("rows"), .right("sgemm, ms"), .right("model, ms"), .right("both signs, rank 2"),
      .right("both signs, dense"), .right("sgemm GFLOP/s"), .right("model GFLOP/s"),
    ])
    for line in lines {
      let times = [line.plain, line.model, line.lowRank, line.dense].map { Human.fixed(1000 * $0.median, 2) }
      let speeds = [line.plain, line.model].map { Human.fixed(line.operations / $0.median / 1e9, 1) }
      table.rows.append(["\(line.rows)"] + times + speeds)
    }
    return "the layers of \(shape.name), a pass, \(Parallel.threads) threads\n\n\(table.text)"
      + "\nsgemm at 512 x 768 x 3072: \(Human.fixed(peak / 1e9, 1)) GFLOP/s\n"
      + "\(Backend.blasConfiguration)\n"
  }
}
