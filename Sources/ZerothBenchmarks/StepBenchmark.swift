import Zeroth
import ZerothModels
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTestKit
import ZerothTraining

/// The time of a step of each method over the time of two plain forward passes, on generated data.
///
/// Steps and passes alternate. In every round each step stands between two plain forward passes and is divided by the
/// mean of the two, so that slow changes in the machine's speed cancel. Periodic work (a projection, a fresh right
/// factor) is timed in steps of its own and counted at its share. Where matrices are never written, periodic work is
/// left out, and every round begins with the same windows.
public struct StepBenchmark {
  /// The results of one method.
  public struct Method: Sendable {
    /// The preset of the method.
    public let name: String
    /// The time of a step over twice the mean of the forward passes around it, with periodic work at its share.
    public let stepOverTwoForwards: Spread
    /// The time of a step over as many forward passes as the step makes. For a two-sided estimate with one query this
    /// is the same as `stepOverTwoForwards`.
    public let stepOverItsForwards: Spread
    /// The seconds of a step, with periodic work at its share.
    public let step: Spread
    /// The seconds of a step with periodic work; nil for a method without any.
    public let periodicStep: Spread?
    /// The seconds of the plain forward passes around the steps.
    public let forward: Spread
    /// The time of a step over that of the same method with `FullLogitsClassification`; nil for a language-model loss.
    public let overReference: Spread?
    /// The peak memory over that of inference; nil where it was not measured.
    public let peakOverInference: Double?
  }

  /// The results of each method.
  public private(set) var methods: [Method] = []
  /// The time of a step of a method over that of the method that it extends: LOZO-M over LOZO, DiZO over MeZO.
  public private(set) var comparisons: [(name: String, ratio: Spread)] = []
  private let setting: BenchmarkSetting
  private let repeats: Int

  /// Runs one round to warm up and then `repeats` rounds. `memory` holds the memory of the same methods, if it was
  /// measured. Without `hasReference`, classification is not compared with full logits.
  public init(
    _ setting: BenchmarkSetting, methods names: [String], repeats: Int, memory: MemoryBenchmark? = nil,
    reference hasReference: Bool = true, registry: Registry = .standard
  ) throws {
    try require("--repeats", repeats, "1 to 100000") { (1...100_000).contains($0) }
    self.setting = setting
    self.repeats = repeats
    let comparesFullLogits = hasReference && setting.loss == .classification
    let entries = try names.map { name in
      try Entry(
        BenchmarkMethod(name, registry, tuning: setting.tuning, estimator: setting.estimatorOptions),
        hasReference: comparesFullLogits,
        isPeriodic: setting.window == nil, registry)
    }
    let task = try BenchmarkTask(setting)
    // The forward passes have nothing beside the weights. What a method has there counts as a cost of its step.
    let plain =
      try setting.tuning == nil && (setting.window == nil || setting.storage == nil)
      ? task : BenchmarkTask(setting.untuned)
    // For comparison, the same steps on matrices that are written, where the matrices allow it.
    let written = try setting.window == nil ? nil : setting.written.map { try BenchmarkTask($0) }
    let forwards = written ?? plain
    let reference = comparesFullLogits ? FullLogitsClassification(task.model, setting.examples) : nil
    // When a window ends, its update joins those that are kept beside the weights. To keep this equal, each method
    // begins with the same windows.
    let start = setting.window.map { _ in Start(task.theta.copyAsStored()) }
    _ = try forwards.loss()
    for round in 0...repeats {
      for entry in entries {
        // The previous method may have left changes beside the weights. A step that is not timed writes them first.
        if let start { task.theta = start.theta.copyAsStored() }
        _ = try entry.usual.step(&task.theta, task.objective)
        var before = try seconds { _ = try forwards.loss() }
        /// The seconds of a step, and the mean of the two forward passes around it.
        func measure(_ step: () throws -> Void) throws -> Entry.Sample {
          let time = try seconds(step)
          let after = try seconds { _ = try forwards.loss() }
          defer { before = after }
          return Entry.Sample(step: time, forward: (before + after) / 2)
        }
        let usual = try measure { try entry.usual.step(&task.theta, task.objective) }
        let periodic =
          try entry.periodic == nil ? nil : measure { try entry.periodic?.step(&task.theta, task.objective) }
        let onWritten = try written.map { task in
          _ = try entry.written.step(&task.theta, task.objective)
          return try measure { try entry.written.step(&task.theta, task.objective) }
        }
        let full = try reference.map { reference in
          try measure { try entry.reference?.step(&task.theta, reference) }
        }
        let count = entry.usual.forwards(at: entry.usual.nextStep - 1, in: task.theta.layout)
        if round > 0 { entry.add(usual, periodic, full, forwards: count, onWritten: onWritten) }
      }
    }
    methods = entries.map { $0.summary(memory) }
    for entry in entries where !entry.overWritten.isEmpty {
      comparisons.append(
        ("\(entry.method.name) over the same with matrices that are written", Spread(entry.overWritten)))
    }
    for (name, base) in [("lozo-m", "lozo"), ("dizo", "mezo")] {
      guard let method = entries.first(where: { $0.method.name == name }),
        let other = entries.first(where: { $0.method.name == base })
      else { continue }
      comparisons.append(("\(name) over \(base)", Spread(zip(method.ratios, other.ratios).map { $0 / $1 })))
    }
  }

  private final class Start {
    let theta: ParameterStore
    init(_ theta: consuming ParameterStore) { self.theta = theta }
  }

  /// The optimisers of a method, and its measurements in each round.
  private final class Entry {
    struct Sample {
      let step, forward: Double
      var ratio: Double { step / (2 * forward) }
    }

    let method: BenchmarkMethod
    var usual: any OptimizerProtocol
    var periodic, reference: (any OptimizerProtocol)?
    private(set) var ratios: [Double] = []
    private var steps: [Double] = []
    private var periodicSteps: [Double] = []
    private var forwards: [Double] = []
    private var overReference: [Double] = []
    private var overForwards: [Double] = []
    /// The optimiser for the same steps on matrices that are written, and the times of `usual` steps over those of its
    /// steps.
    var written: any OptimizerProtocol
    private(set) var overWritten: [Double] = []

    init(_ method: BenchmarkMethod, hasReference: Bool, isPeriodic: Bool, _ registry: Registry) throws {
      self.method = method
      let never = 1_000_000
      usual = try method.optimizer(period: never, registry)
      written = usual
      if method.share > 0, isPeriodic { periodic = try method.optimizer(period: 1, registry) }
      if hasReference { reference = try method.optimizer(period: never, registry) }
    }

    func add(_ usual: Sample, _ periodic: Sample?, _ reference: Sample?, forwards count: Int, onWritten: Sample?) {
      let share = periodic == nil ? 0 : method.share
      ratios.append((1 - share) * usual.ratio + share * (periodic?.ratio ?? 0))
      overForwards.append((ratios.last ?? .nan) * 2 / Double(count))
      steps.append((1 - share) * usual.step + share * (periodic?.step ?? 0))
      forwards.append(usual.forward)
      if let onWritten { overWritten.append(usual.ratio / onWritten.ratio) }
      if let periodic { periodicSteps.append(periodic.step) }
      if let reference { overReference.append(usual.ratio / reference.ratio) }
    }

    func summary(_ memory: MemoryBenchmark?) -> Method {
      Method(
        name: method.name, stepOverTwoForwards: Spread(ratios), stepOverItsForwards: Spread(overForwards),
        step: Spread(steps),
        periodicStep: periodicSteps.isEmpty ? nil : Spread(periodicSteps), forward: Spread(forwards),
        overReference: overReference.isEmpty ? nil : Spread(overReference),
        peakOverInference: memory.flatMap { memory in
          memory.figures.first { $0.name == method.name }.map(memory.peakOverInference)
        })
    }
  }

  /// The result as JSON.
  public var json: JSON {
    [
      "setting": setting.json, "threads": .int(Parallel.threads), "repeats": .int(repeats),
      "methods": .array(
        methods.map { method in
          .object(
            [.init("name", .string(method.name))]
              + method.stepOverTwoForwards.members("step_over_two_forwards")
              + method.stepOverItsForwards.members("step_over_its_forwards")
              + method.step.members("step_seconds")
              + (method.periodicStep?.members("periodic_step_seconds") ?? [])
              + method.forward.members("forward_seconds")
              + (method.overReference?.members("step_over_full_logits") ?? [])
              + [.init("peak_over_inference", method.peakOverInference.map { .double($0) } ?? .null)])
        }),
      "comparisons": .array(
        comparisons.map { .object([.init("name", .string($0.name))] + $0.ratio.members("ratio")) }),
    ]
  }

  /// The result as tables.
  public var text: String {
    let hasReference = methods.contains { $0.overReference != nil }
    var table = Table(
      [
        .left("method"), .right("step / two forwards"), .right("step / its forwards"), .right("step, s"),
        .right("forward, s"),
        .right("peak / inference"),
      ] + (hasReference ? [.right("step / with full logits, a pass a candidate")] : []))
    for method in methods {
      table.rows.append(
        [
          method.name, method.stepOverTwoForwards.text(3), method.stepOverItsForwards.text(3), method.step.text(3),
          method.forward.text(3),
          method.peakOverInference.map { Human.fixed($0, 3) } ?? "-",
        ] + (method.overReference.map { [$0.text(3)] } ?? []))
    }
    var ratios = Table([.left("step over step"), .right("ratio")])
    for comparison in comparisons { ratios.rows.append([comparison.name, comparison.ratio.text(3)]) }
    return "\(setting.text); medians of \(repeats) rounds (quartiles)\n\n" + table.text
      + (comparisons.isEmpty ? "" : "\n" + ratios.text)
  }
}
