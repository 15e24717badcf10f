import Zeroth
import ZerothModels
import ZerothTasks

/// What a step of each method costs over its two forward passes, in interleaved repeats on made data.
public struct StepBenchmark {
  /// What the losses are.
  public enum Loss: String, CaseIterable, Sendable {
    /// The next-token loss over all tokens.
    case languageModel = "language-model"
    /// Two candidates of one token each.
    case classification
  }

  /// What was measured of one method.
  public struct Method: Sendable {
    /// Its preset.
    public let name: String
    /// Seconds of a step, projections at their share.
    public let step: Double
    /// Seconds of the fastest and the slowest step.
    public let spread: ClosedRange<Double>
    /// Peak memory of its steps over that of a forward pass.
    public let peakOverInference: Double
  }

  /// Medians of a plain forward pass, in seconds.
  public private(set) var forward = Timing()
  /// What was measured of each method.
  public private(set) var methods: [Method] = []

  /// Runs `repeats` rounds, in each of which every method makes a step and a plain forward pass stands between them.
  public init(
    shape: String, batch: Int, tokens: Int, loss: Loss, repeats: Int, optimizers: [String] = Demo.optimizers,
    registry: Registry = .standard
  ) throws {
    let model = try BenchmarkShape.model(shape)
    try require("--batch", batch, "at least 1") { $0 >= 1 }
    try require("--tokens", tokens, "2 to \(model.context)") { (2...model.context).contains($0) }
    try require("--repeats", repeats, "at least 1") { $0 >= 1 }
    let theta = Weights(model.randomParameters(StreamKey(seed: 1)))
    let sequences = (0..<batch).map { row in
      (0..<tokens).map { (row * 104_729 + $0 * 7919 + 11) % model.vocabulary }
    }
    let sampler = try BatchSampler(count: batch, size: batch, seed: 0)
    switch loss {
    case .languageModel:
      try run(
        LanguageModelingObjective(model, sequences.map { .init($0) }, sampler), theta, repeats, optimizers, registry)
    case .classification:
      let examples = sequences.enumerated().map { row, tokens in
        EncodedExample(prompt: tokens, candidates: [[5], [9]], label: row % 2)
      }
      try run(ClassificationObjective(model, examples, sampler), theta, repeats, optimizers, registry)
    }
  }

  private final class Weights {
    var theta: ParameterStore
    init(_ theta: consuming ParameterStore) { self.theta = theta }
  }

  /// A method whose adapter projects now and then is timed with and without: its share is 1 in `interval`.
  private final class Entry {
    static let interval = 100
    let name: String
    var plain: any ZerothOptimizer
    var projecting: (any ZerothOptimizer)?
    var plainTiming = Timing()
    var projectingTiming = Timing()
    var peak = 0.0

    init(_ name: String, plain: any ZerothOptimizer, projecting: (any ZerothOptimizer)?) {
      self.name = name
      self.plain = plain
      self.projecting = projecting
    }

    /// One step of each kind.
    func step(_ theta: inout ParameterStore, _ objective: some Objective) throws {
      try plainTiming.run { try plain.step(&theta, objective) }
      if projecting != nil { try projectingTiming.run { try projecting?.step(&theta, objective) } }
    }
  }

  private mutating func run(
    _ objective: some Objective, _ weights: Weights, _ repeats: Int, _ optimizers: [String], _ registry: Registry
  ) throws {
    _ = try objective.loss(at: weights.theta)
    PeakMemory.reset()
    _ = try objective.loss(at: weights.theta)
    let inference = Double(PeakMemory.bytes ?? 0)

    let entries = try optimizers.map { name in
      var composition = try registry.preset(name).composition
      composition.rule.options["learning-rate"] = 1e-7
      func make(_ interval: Int?) throws -> any ZerothOptimizer {
        var composition = composition
        if let interval { composition.adapter.options["interval"] = .int(interval) }
        return try registry.makeOptimizer(composition, runSteps: 1000)
      }
      let projects = composition.adapter.name != "none"
      return Entry(
        name, plain: try make(projects ? 1_000_000 : nil), projecting: projects ? try make(1) : nil)
    }
    for round in 0...repeats {
      if round == 1 { forward = Timing() }
      for entry in entries {
        try forward.run { _ = try objective.loss(at: weights.theta) }
        PeakMemory.reset()
        try entry.step(&weights.theta, objective)
        entry.peak = max(entry.peak, Double(PeakMemory.bytes ?? 0))
        if round == 0 {  // the first round makes state and touches memory
          entry.plainTiming = Timing()
          entry.projectingTiming = Timing()
        }
      }
    }
    methods = entries.map { entry in
      let share = 1 / Double(Entry.interval)
      let step =
        entry.projecting == nil
        ? entry.plainTiming.median : (1 - share) * entry.plainTiming.median + share * entry.projectingTiming.median
      return Method(
        name: entry.name, step: step, spread: entry.plainTiming.least...entry.plainTiming.most,
        peakOverInference: entry.peak / inference)
    }
  }

  /// The result as JSON.
  public var json: JSONValue {
    [
      "forward_seconds": forward.json,
      "methods": .array(
        methods.map { method in
          [
            "name": .string(method.name), "step_over_two_forwards": .double(method.step / (2 * forward.median)),
            "step_seconds": .double(method.step), "step_seconds_least": .double(method.spread.lowerBound),
            "step_seconds_most": .double(method.spread.upperBound), "forward_seconds": .double(forward.median),
            "peak_over_inference": .double(method.peakOverInference),
          ]
        }),
    ]
  }

  /// The result as a table.
  public var text: String {
    var table = Table([
      .left("method"), .right("step / two forwards"), .right("step"), .right("least - most"),
      .right("peak / inference"),
    ])
    for method in methods {
      table.rows.append([
        method.name, Human.fixed(method.step / (2 * forward.median), 3), Human.seconds(method.step),
        "\(Human.seconds(method.spread.lowerBound)) - \(Human.seconds(method.spread.upperBound))",
        Human.fixed(method.peakOverInference, 3),
      ])
    }
    return "forward pass: \(Human.seconds(forward.median)), "
      + "\(Human.seconds(forward.least)) - \(Human.seconds(forward.most))\n\n" + table.text
  }
}
