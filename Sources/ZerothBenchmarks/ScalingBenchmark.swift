import Foundation
import Zeroth
import ZerothModels
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTestKit
import ZerothTraining

/// How the time of a token grows with the number of parameters. Shapes of OPT from 1 M to 1.3 B parameters are
/// measured, and a power law is fitted.
///
/// The parameters counted are those that a token is multiplied with: all matrices of the layers, and the output
/// vectors, which are the tied embedding. Tables in which a token only looks up a row, biases and norms are not
/// counted.
public struct ScalingBenchmark {
  /// The times of one shape.
  public struct Line: Sendable {
    /// The name of the shape.
    public let shape: String
    /// The number of parameters that a token is multiplied with.
    public let parameters: Int
    /// The seconds of a token for each entry of `names`.
    public let seconds: [Spread]
  }

  /// The names of what is timed: `forward`, and the methods.
  public let names: [String]
  /// The measured shapes, smallest first.
  public private(set) var lines: [Line] = []
  private let batch, tokens: Int

  /// Times the shapes from about 1 M parameters to `largest`, each `repeats` times.
  public init(
    largest: String, batch: Int, tokens: Int, methods: [String], repeats: Int,
    shapes: [BenchmarkShape] = BenchmarkShape.all.filter { $0.name.hasPrefix("opt-") && $0.name != "opt-tiny" },
    registry: Registry = .standard
  ) throws {
    try require("--repeats", repeats, "1 to 100000") { (1...100_000).contains($0) }
    guard let last = shapes.firstIndex(where: { $0.name == largest }), last > 0 else {
      throw InputError(
        "--largest", found: "'\(largest)'",
        expected: "one of \(shapes.dropFirst().map(\.name).joined(separator: ", "))")
    }
    names = ["forward"] + methods
    self.batch = batch
    self.tokens = tokens
    for shape in shapes[...last] {
      let setting = try BenchmarkSetting(shape: shape.name, batch: batch, tokens: tokens)
      let task = try BenchmarkTask(setting)
      var optimizers = try methods.map { try BenchmarkMethod($0, registry).optimizer(period: 1_000_000, registry) }
      let steps = optimizers.indices.map { i in
        { _ = try optimizers[i].step(&task.theta, task.objective) }
      }
      let times = try interleaved(repeats, [{ _ = try task.loss() }] + steps)
      let count = LinearLayers.Layer.products(of: task.model, rows: 1, readOut: 1).reduce(0) { $0 + $1.weight.count }
      lines.append(
        Line(
          shape: shape.name, parameters: count,
          seconds: times.map { $0.scaled(by: 1 / Double(batch * tokens)) }))
    }
  }

  /// The exponent p of the best fit of time = a parameters^p, by least squares of the logarithms. `place` is an index
  /// into `names`.
  public func exponent(_ place: Int) -> Double {
    let points = lines.map { (x: log(Double($0.parameters)), y: log($0.seconds[place].median)) }
    let meanX = points.reduce(0) { $0 + $1.x } / Double(points.count)
    let meanY = points.reduce(0) { $0 + $1.y } / Double(points.count)
    let covariance = points.reduce(0) { $0 + ($1.x - meanX) * ($1.y - meanY) }
    return covariance / points.reduce(0) { $0 + ($1.x - meanX) * ($1.x - meanX) }
  }

  /// The result as JSON.
  public var json: JSON {
    [
      "batch": .int(batch), "tokens": .int(tokens), "threads": .int(Parallel.threads),
      "exponents": .object(names.indices.map { .init(names[$0], .double(exponent($0))) }),
      "lines": .array(
        lines.map { line in
          .object(
            [.init("shape", .string(line.shape)), .init("parameters", .int(line.parameters))]
              + zip(names, line.seconds).flatMap { $1.members("\($0)_seconds_per_token") })
        }),
    ]
  }

  /// The result as a table.
  public var text: String {
    var table = Table(
      [.left("shape"), .right("parameters multiplied")] + names.map { .right("\($0), ms a token") })
    for line in lines {
      table.rows.append(
        [line.shape, Human.count(line.parameters)] + line.seconds.map { $0.scaled(by: 1000).text(4) })
    }
    table.rows.append(["exponent", ""] + names.indices.map { Human.fixed(exponent($0), 3) })
    return "\(batch) x \(tokens) tokens, \(Parallel.threads) threads; medians (quartiles)\n\n" + table.text
  }
}
