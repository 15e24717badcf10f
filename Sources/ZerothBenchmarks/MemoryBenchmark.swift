import Foundation
import Zeroth
import ZerothModels
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTestKit
import ZerothTraining

/// The peak memory of each method compared with that of inference. Each is measured in a process of its own.
public struct MemoryBenchmark {
  /// The memory of one process. It makes the steps of a method, or plain forward passes for inference.
  public struct Figure: Sendable {
    /// The preset of the method; `inference` for plain forward passes.
    public let name: String
    /// The largest number of bytes that were held at any time, code included.
    public let peak: Int
    /// The number of bytes held at the end that no file backs.
    public let anonymous: Int
    /// The number of floats of state that the method states, beyond the parameters.
    public let stateCount: Int
    /// The number of calls of malloc in one of the last steps: all calls, and those for 64 KiB and more. Nil where they
    /// cannot be counted.
    public let allocations, largeAllocations: Double?

    /// The name of the figure of inference.
    public static let inference = "inference"

    /// Measures in this process, which should have done nothing before. It makes `warmUp` passes, then up to four
    /// passes for the peak, then four in which allocations are counted. Periodic work comes with every second step.
    public init(
      _ setting: BenchmarkSetting, name: String, warmUp: Int, registry: Registry = .standard
    ) throws {
      try require("--warm-up", warmUp, "1 to 1000000") { (1...1_000_000).contains($0) }
      let task = try BenchmarkTask(name == Self.inference ? setting.untuned : setting)
      var optimizer =
        try name == Self.inference
        ? nil
        : BenchmarkMethod(name, registry, tuning: setting.tuning, estimator: setting.estimatorOptions)
          .optimizer(period: 2, registry)
      let pass = {
        if optimizer == nil { _ = try task.loss() } else { try optimizer?.step(&task.theta, task.objective) }
      }
      for _ in 0..<warmUp { try pass() }
      PeakMemory.reset()
      for _ in 0..<min(warmUp, 4) { try pass() }
      guard let peak = PeakMemory.bytes, let anonymous = PeakMemory.anonymousBytes else {
        throw InputError("/proc/self/status", found: "no VmHWM", expected: "Linux, which says how much memory is held")
      }
      let counted = 4
      let count = try AllocationTrace.count { for _ in 0..<counted { try pass() } }
      self.name = name
      self.peak = peak
      self.anonymous = anonymous
      stateCount = optimizer?.stateCount ?? 0
      allocations = count.map { Double($0.all) / Double(counted) }
      largeAllocations = count.map { Double($0.large) / Double(counted) }
    }

    /// Reads the JSON that the process of a figure printed.
    public init(_ json: JSON) throws(InputError) {
      guard let name = json["name"]?.string, let peak = json["peak_bytes"]?.integer,
        let anonymous = json["anonymous_bytes"]?.integer, let stateCount = json["state_floats"]?.integer
      else { throw InputError("bench memory", found: "\(json)", expected: "the figure of a process") }
      self.name = name
      self.peak = peak
      self.anonymous = anonymous
      self.stateCount = stateCount
      allocations = json["allocations_per_step"]?.double
      largeAllocations = json["large_allocations_per_step"]?.double
    }

    /// The figure as JSON.
    public var json: JSON {
      [
        "name": .string(name), "peak_bytes": .int(peak), "anonymous_bytes": .int(anonymous),
        "state_floats": .int(stateCount), "allocations_per_step": allocations.map { .double($0) } ?? .null,
        "large_allocations_per_step": largeAllocations.map { .double($0) } ?? .null,
      ]
    }
  }

  /// The measured figures, inference first.
  public let figures: [Figure]
  private let setting: BenchmarkSetting

  /// Calls `measure` for inference and for each of `methods`. `measure` should use a fresh process each time.
  public init(
    _ setting: BenchmarkSetting, methods: [String], measure: (_ name: String) throws -> Figure
  ) throws {
    self.setting = setting
    figures = try ([Figure.inference] + methods).map(measure)
  }

  /// The peak memory of `figure` over that of inference.
  public func peakOverInference(_ figure: Figure) -> Double { Double(figure.peak) / Double(figures[0].peak) }

  /// The result as JSON.
  public var json: JSON {
    [
      "setting": setting.json,
      "figures": .array(
        figures.map { figure in
          guard case .object(let members) = figure.json else { return figure.json }
          let beyond = figure.peak - figures[0].peak
          return .object(
            members + [
              .init("peak_over_inference", .double(peakOverInference(figure))),
              .init("bytes_beyond_inference", .int(beyond)),
              .init("bytes_beyond_inference_and_state", .int(beyond - 4 * figure.stateCount)),
            ])
        }),
    ]
  }

  /// The result as a table.
  public var text: String {
    var table = Table([
      .left(""), .right("peak"), .right("/ inference"), .right("beyond it"), .right("stored state"),
      .right("allocations a step"), .right("of 64 KiB or more"),
    ])
    for figure in figures {
      table.rows.append([
        figure.name, Human.bytes(figure.peak), Human.fixed(peakOverInference(figure), 3),
        Human.fixed(Double(figure.peak - figures[0].peak) / 1e6, 1) + " MB", Human.bytes(4 * figure.stateCount),
        figure.allocations.map { Human.fixed($0, 1) } ?? "-", figure.largeAllocations.map { Human.fixed($0, 1) } ?? "-",
      ])
    }
    return setting.text + "; each line a process of its own\n\n" + table.text
  }
}
