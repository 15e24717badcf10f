import Foundation
import Zeroth
import ZerothStrategies
import ZerothSupport

/// Predicts the time and the traffic of a step with more workers, and with larger models, than are available. The
/// computing time is measured here; the network is a model.
///
///     step(N, P) = P/P_0 (a + c T) + l ceil(log2 N) + 24 N / w
///
/// N is the number of workers, P the number of parameters, and T the number of tokens of one worker. a and c come from
/// steps of a model of P_0 parameters on two mini-batches: a is the part of a step that does not depend on the
/// mini-batch (noise, the update), and c is the part of one token. An exchange takes log2 N rounds of the latency l
/// (recursive doubling). Every worker receives 24 bytes from each, at w bytes per second: the two losses of a two-sided
/// query, and 8 bytes in front. With N = 1 there is no network, and its two terms are 0.
public struct WorkerSimulation {
  /// The measured computing time of one method.
  public struct Compute: Sendable {
    /// The name of the method.
    public let name: String
    /// a and c, in seconds.
    public let fixed, ofToken: Double
  }

  /// A network between workers.
  public struct Network: Sendable, Hashable {
    /// The seconds until a message arrives, and the bytes per second.
    public let latency, bandwidth: Double

    /// A network with this latency in seconds and this bandwidth in bytes per second.
    public init(latency: Double, bandwidth: Double) {
      self.latency = latency
      self.bandwidth = bandwidth
    }

    /// The seconds of an exchange between `workers` workers.
    public func seconds(_ workers: Int) -> Double {
      guard workers > 1 else { return 0 }
      return latency * log2(Double(workers)).rounded(.up) + Double(WorkerSimulation.sent * workers) / bandwidth
    }
  }

  /// The numbers of workers in the prediction.
  public static let workers = [1, 2, 8, 64, 512, 4096, 10_000]
  /// The numbers of parameters in the prediction.
  public static let parameters = [125e6, 1.3e9, 6.7e9, 13e9]

  /// The measured computing times, one for each method.
  public private(set) var compute: [Compute] = []
  private let setting: BenchmarkSetting
  private let networks: [Network]
  private let measured: Double

  /// Measures `methods` on the mini-batch of `setting` and on a quarter of it, `repeats` times.
  public init(
    _ setting: BenchmarkSetting, methods: [String], networks: [Network], repeats: Int, registry: Registry
  ) throws {
    try require("--batch", setting.batch, "at least 4, of which a quarter is measured too") { $0 >= 4 }
    self.setting = setting
    self.networks = networks
    let quarter = try BenchmarkSetting(shape: setting.shape.name, batch: setting.batch / 4, tokens: setting.tokens)
    let tasks = try [BenchmarkTask(setting), BenchmarkTask(quarter)]
    measured = Double(tasks[0].theta.layout.parameterCount)
    for name in methods {
      let times = try interleaved(
        repeats,
        tasks.map { task in
          var optimizer = try BenchmarkMethod(name, registry, estimator: setting.estimatorOptions)
            .optimizer(period: 1_000_000, registry)
          return { _ = try optimizer.step(&task.theta, task.objective) }
        }
      ).map(\.median)
      let tokens = [setting, quarter].map { Double($0.batch * $0.tokens) }
      let ofToken = (times[0] - times[1]) / (tokens[0] - tokens[1])
      compute.append(Compute(name: name, fixed: max(0, times[0] - ofToken * tokens[0]), ofToken: ofToken))
    }
  }

  /// The predicted seconds of a step of `method`. Each of `workers` workers has the mini-batch of the setting, and the
  /// model has `parameters` parameters.
  public func seconds(_ method: Compute, workers: Int, parameters: Double, _ network: Network) -> Double {
    let compute = method.fixed + method.ofToken * Double(setting.batch * setting.tokens)
    return parameters / measured * compute + network.seconds(workers)
  }

  /// The result as JSON.
  public var json: JSON {
    [
      "setting": setting.json, "threads": .int(Parallel.threads), "parameters": .double(measured),
      "methods": .array(
        compute.map {
          ["name": .string($0.name), "fixed_seconds": .double($0.fixed), "seconds_per_token": .double($0.ofToken)]
        }),
      "lines": .array(
        lines.map { line in
          [
            "method": .string(line.method.name), "parameters": .double(line.parameters),
            "latency": .double(line.network.latency), "bandwidth": .double(line.network.bandwidth),
            "workers": .int(line.workers), "seconds": .double(line.seconds), "efficiency": .double(line.efficiency),
            "bytes_sent": .int(Self.sent), "bytes_received": .int(Self.sent * (line.workers - 1)),
          ]
        }),
    ]
  }

  /// The bytes that a worker sends for a step: two losses, and 8 bytes in front.
  static let sent = 24

  private struct Line {
    let method: Compute
    let parameters: Double
    let network: Network
    let workers: Int
    let seconds, efficiency: Double
  }

  private var lines: [Line] {
    compute.flatMap { method in
      Self.parameters.flatMap { parameters in
        networks.flatMap { network in
          Self.workers.map { workers in
            let seconds = seconds(method, workers: workers, parameters: parameters, network)
            let alone = self.seconds(method, workers: 1, parameters: parameters, network)
            return Line(
              method: method, parameters: parameters, network: network, workers: workers, seconds: seconds,
              efficiency: alone / seconds)
          }
        }
      }
    }
  }

  /// The result as tables.
  public var text: String {
    var text =
      "measured: \(setting.text), \(Human.count(Int(measured))) parameters\n"
      + compute.map {
        "\($0.name): \(Human.fixed(1000 * $0.fixed, 1)) ms a step and \(Human.fixed(1e6 * $0.ofToken, 1)) us a token\n"
      }.joined()
      + "\nseconds of a step, each worker with \(setting.batch) x \(setting.tokens) tokens of its own; in brackets what is left of "
      + "a worker's throughput\n"
    let lines = lines
    for network in networks {
      var table = Table(
        [.left("method"), .right("parameters")] + Self.workers.map { .right("\($0) worker\($0 == 1 ? "" : "s")") })
      for method in compute {
        for parameters in Self.parameters {
          let row = lines.filter {
            $0.method.name == method.name && $0.parameters == parameters && $0.network == network
          }
          table.rows.append(
            [method.name, Human.count(Int(parameters))]
              + row.map { "\(Human.fixed($0.seconds, $0.seconds < 10 ? 3 : 1)) (\(Human.fixed($0.efficiency, 3)))" })
        }
      }
      text +=
        "\nlatency \(Human.fixed(1000 * network.latency, 2)) ms, \(Human.bytes(Int(network.bandwidth))) a second\n\n"
        + table.text
    }
    let most = Self.workers.last ?? 1
    return text
      + "\na worker sends \(Self.sent) bytes for a step and takes in \(Self.sent) of every other one: "
      + "\(Human.bytes(Self.sent * (most - 1))) with \(most) workers\n"
  }
}
