import Foundation
import Zeroth
import ZerothStrategies
import ZerothSupport
import ZerothTraining

/// What a step of one method takes on one model: memory and time, measured in a process that does nothing else.
public struct CostFigure: Sendable {
  /// The method's preset.
  public let name: String
  /// Whether it trains LoRA beside frozen weights.
  public let isLoRA: Bool
  /// Bytes held at the peak, periodic work included.
  public let peak: Int
  /// Bytes held in the mean over time, periodic work at its share.
  public let average: Double
  /// Seconds of a step, periodic work at its share.
  public let step: Spread
  /// A step over a plain forward pass of the model beside it, periodic work at its share.
  public let stepOverForward: Spread
  /// Forward passes that a step counts as.
  public let forwards: Double

  /// Measures in this process, which should have done nothing before: `repeats` steps between plain forward passes, after one to
  /// warm up, and as many with periodic work where the method has some.
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
    // Bytes count for as long as they are held.
    let times = parts.map { part in part.share * Spread(part.samples.map(\.seconds)).median }
    let total = times.reduce(0, +)
    // The kernel's peak lags behind what is held by some pages of each thread.
    average = min(
      Double(peak), zip(parts, times).reduce(0) { $0 + $1.1 / total * Spread($1.0.samples.map(\.memory)).median })
  }

  private struct Sample {
    let seconds, forward, memory: Double
  }

  /// The spread of `value`, round by round, each kind of step at its share.
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

  /// The figure as the members of an object.
  public var members: [JSON.Member] {
    [
      .init("name", .string(name)), .init("lora", .bool(isLoRA)), .init("peak_bytes", .int(peak)),
      .init("average_bytes", .double(average)), .init("forwards_per_step", .double(forwards)),
    ] + step.members("step_seconds") + stepOverForward.members("step_over_forward")
  }
}

/// How much memory the process holds over time, read every two milliseconds by a thread of its own.
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

  /// Reads once more. Returns when, in seconds since some moment.
  @discardableResult
  func read() -> Double {
    let now = Double(DispatchTime.now().uptimeNanoseconds) / 1e9
    if let bytes = PeakMemory.currentBytes { lock.withLock { samples.append((now, Double(bytes))) } }
    return now
  }

  /// The mean of what was read from `start` to `end`, which are moments of readings: the thread may not have come to any between.
  func mean(from start: Double, to end: Double) -> Double {
    lock.withLock {
      let within = samples.filter { $0.time >= start && $0.time <= end }.map(\.bytes)
      return within.reduce(0, +) / Double(within.count)
    }
  }

  func stop() { lock.withLock { isStopped = true } }
}
