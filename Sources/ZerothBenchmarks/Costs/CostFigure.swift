import Foundation
import Zeroth
import ZerothStrategies
import ZerothSupport
import ZerothTraining

/// The memory and the time that a step of one method takes on one model. They are measured in a process that does
/// nothing else.
public struct CostFigure: Sendable {
  /// The method's preset.
  public let name: String
  /// Whether the method trains LoRA beside frozen weights.
  public let isLoRA: Bool
  /// The largest number of bytes that were held at any time, periodic work included.
  public let peak: Int
  /// The mean number of bytes held over time, with periodic work at its share.
  public let average: Double
  /// The seconds of a step, with periodic work at its share.
  public let step: Spread
  /// The time of a step over the time of the plain forward passes of the model around it, with periodic work at its
  /// share.
  public let stepOverForward: Spread
  /// The number of forward passes of a step.
  public let forwards: Double

  /// Measures in this process, which should have done nothing before. It warms up with one step. Then it takes
  /// `repeats` steps, each between two plain forward passes. If the method has periodic work, it takes as many steps
  /// with that work in each.
  public init(_ setting: BenchmarkSetting, name: String, repeats: Int, registry: Registry) throws {
    try require("--repeats", repeats, "1 to 100000") { (1...100_000).contains($0) }
    let method = try BenchmarkMethod(name, registry, tuning: setting.tuning, estimator: setting.estimatorOptions)
    let task = try BenchmarkTask(setting)
    let memory = MemoryCurve()
    var parts: [(share: Double, samples: [Sample])] = []
    var counts: [(share: Double, forwards: Int)] = []
    let kinds = [(period: 1_000_000, share: 1 - method.share), (period: 1, share: method.share)]
    var peak = 0
    for kind in kinds where kind.share > 0 {
      var optimizer = try method.optimizer(period: kind.period, registry)
      _ = try optimizer.step(&task.theta, task.objective)
      counts.append((kind.share, optimizer.forwards(at: optimizer.nextStep, in: task.theta.layout)))
      PeakMemory.reset()
      var before = try seconds { _ = try task.loss() }
      var samples: [Sample] = []
      for _ in 0..<repeats {
        let start = memory.read()
        let time = try seconds { _ = try optimizer.step(&task.theta, task.objective) }
        let end = memory.read()
        let after = try seconds { _ = try task.loss() }
        samples.append(Sample(seconds: time, forward: (before + after) / 2, memory: memory.mean(from: start, to: end)))
        before = after
      }
      guard let bytes = PeakMemory.bytes else {
        throw InputError("/proc/self/status", found: "no VmHWM", expected: "Linux, which says how much memory is held")
      }
      peak = max(peak, bytes)
      parts.append((kind.share, samples))
    }
    memory.stop()
    self.name = name
    isLoRA = setting.tuning != nil
    self.peak = peak
    step = Self.shared(parts, \.seconds)
    stepOverForward = Self.shared(parts) { $0.seconds / $0.forward }
    forwards = counts.reduce(0) { $0 + $1.share * Double($1.forwards) }
    // The mean is over time, so that the bytes of a longer step weigh more.
    let times = parts.map { part in part.share * Spread(part.samples.map(\.seconds)).median }
    let total = times.reduce(0, +)
    // The kernel counts some pages of each thread late. Its peak can therefore be a little below the measured mean.
    average = min(
      Double(peak), zip(parts, times).reduce(0) { $0 + $1.1 / total * Spread($1.0.samples.map(\.memory)).median })
  }

  private struct Sample {
    let seconds, forward, memory: Double
  }

  /// The spread of `value` over the rounds. Within a round, each kind of step counts at its share.
  private static func shared(
    _ parts: [(share: Double, samples: [Sample])], _ value: (Sample) -> Double
  ) -> Spread {
    Spread(parts[0].samples.indices.map { round in parts.reduce(0) { $0 + $1.share * value($1.samples[round]) } })
  }

  /// Reads the JSON that the process of a figure printed.
  public init(_ json: JSON) throws(InputError) {
    guard let name = json["name"]?.string, let isLoRA = json["lora"]?.bool, let peak = json["peak_bytes"]?.integer,
      let average = json["average_bytes"]?.double, let forwards = json["forwards_per_step"]?.double,
      let step = Spread(json, "step_seconds"), let over = Spread(json, "step_over_forward")
    else { throw InputError("bench table", found: json.summary, expected: "the figure of a process") }
    self.name = name
    self.isLoRA = isLoRA
    self.peak = peak
    self.average = average
    self.forwards = forwards
    self.step = step
    stepOverForward = over
  }

  /// The figure as members of a JSON object.
  public var members: [JSON.Member] {
    [
      .init("name", .string(name)), .init("lora", .bool(isLoRA)), .init("peak_bytes", .int(peak)),
      .init("average_bytes", .double(average)), .init("forwards_per_step", .double(forwards)),
    ] + step.members("step_seconds") + stepOverForward.members("step_over_forward")
  }
}

/// The memory of the process over time. A thread reads it every two milliseconds.
private final class MemoryCurve: @unchecked Sendable {
  private let lock = NSLock()
  private var samples: [(time: Double, bytes: Double)] = []
  private var isStopped = false

  init() {
    let thread = Thread { [self] in
      while lock.withLock({ !isStopped }) {
        read()
        Thread.sleep(forTimeInterval: 0.002)
      }
    }
    thread.start()
  }

  /// Reads the memory once more. Returns the time of the reading in seconds; only differences between such times have a
  /// meaning.
  @discardableResult
  func read() -> Double {
    let now = Double(DispatchTime.now().uptimeNanoseconds) / 1e9
    if let bytes = PeakMemory.currentBytes { lock.withLock { samples.append((now, Double(bytes))) } }
    return now
  }

  /// The mean of the readings from `start` to `end`. Both must be times that `read` has returned, because the thread
  /// may have made no reading between them.
  func mean(from start: Double, to end: Double) -> Double {
    lock.withLock {
      let within = samples.filter { $0.time >= start && $0.time <= end }.map(\.bytes)
      return within.reduce(0, +) / Double(within.count)
    }
  }

  func stop() { lock.withLock { isStopped = true } }
}
