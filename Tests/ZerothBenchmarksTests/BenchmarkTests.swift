import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothModels
import ZerothRecords
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTraining

@testable import ZerothBenchmarks

/// What the benchmarks print, on a tiny shape. Times are checked for sense, never for size.
@Suite(.serialized) struct BenchmarkTests {
  static let methods = ["mezo", "lozo", "lozo-m", "dizo"]

  func setting(_ loss: BenchmarkSetting.Loss = .languageModel) throws -> BenchmarkSetting {
    try BenchmarkSetting(shape: "opt-tiny", batch: 3, tokens: 12, loss: loss.rawValue)
  }

  private func number(_ json: JSON, _ key: String) throws -> Double {
    let value = json[key]?.double
    return try #require(value, "\(key) is missing")
  }

  /// A median between its quartiles, above 0.
  private func checkSpread(_ json: JSON, _ key: String) throws {
    let median = try number(json, key)
    #expect(median > 0 && median.isFinite)
    #expect(try number(json, key + "_lower") <= median)
    #expect(try number(json, key + "_upper") >= median)
  }

  @Test func stepsNameEveryMethodWithItsRatioAndPeak() throws {
    let setting = try setting()
    let memory = try MemoryBenchmark(setting, methods: Self.methods) {
      try MemoryBenchmark.Figure(setting, name: $0, warmUp: 1)
    }
    let result = try StepBenchmark(setting, methods: Self.methods, repeats: 2, memory: memory)
    let methods = try #require(result.json["methods"]?.elements)
    #expect(methods.compactMap { $0["name"]?.string } == Self.methods)
    for method in methods {
      for key in ["step_over_two_forwards", "step_seconds", "forward_seconds"] { try checkSpread(method, key) }
      #expect(try number(method, "peak_over_inference") > 0)
      #expect(method["step_over_full_logits"] == nil)
    }
    let comparisons = try #require(result.json["comparisons"]?.elements)
    #expect(comparisons.compactMap { $0["name"]?.string } == ["lozo-m over lozo", "dizo over mezo"])
    for method in Self.methods { #expect(result.text.contains(method)) }
  }

  @Test func classificationIsComparedWithFullLogits() throws {
    let result = try StepBenchmark(setting(.classification), methods: ["lozo"], repeats: 1)
    let method = try #require(result.json["methods"]?.elements?.first)
    try checkSpread(method, "step_over_full_logits")
    #expect(method["peak_over_inference"] == .null)
  }

  @Test func fullLogitsGiveTheSameLosses() throws {
    let setting = try setting(.classification)
    let task = try BenchmarkTask(setting)
    let reference = FullLogitsClassification(task.model, setting.examples)
    let full = try reference.loss(at: task.theta, on: Batch(step: 0))
    let plain = try task.loss()
    #expect(abs(full - plain) < 1e-6)
    let direction = DenseDirection(StreamKey(seed: 3), layout: task.model.layout)
    let offsets: Few<Float> = [1e-2, -1e-2]
    let ours = try task.objective.losses(along: direction, at: offsets, from: task.theta, on: Batch(step: 0))
    let theirs = try reference.losses(along: direction, at: offsets, from: task.theta, on: Batch(step: 0))
    for (a, b) in zip(ours, theirs) { #expect(abs(a - b) < 1e-6) }
    #expect(abs(ours[0] - ours[1]) > 1e-5)
  }

  @Test func forwardCountsTheOperationsOfItsProducts() throws {
    let result = try ForwardBenchmark(setting(), repeats: 1)
    // Two layers of hidden 32: q, k, v meet 36 rows in both, the rest 36 and then 33; a vocabulary of 128.
    let h = 32.0
    let products = 2 * h * h * (2 * 36 * 3 + 36 * 9 + 33 * 9) + 2 * 33 * h * 128
    #expect(result.productOperations == products)
    #expect(result.operations == products + 2 * 4 * h * 3 * 78)
    #expect(result.overPeak > 0 && result.overPeak.isFinite)
    #expect(try number(result.json, "forward_over_sgemm_peak") == result.overPeak)
    for key in ["forward_seconds", "sgemm_seconds"] { try checkSpread(result.json, key) }
    #expect(throws: InputError.self) { try ForwardBenchmark(setting(.classification), repeats: 1) }
  }

  @Test func gemmHasALineForEachNumberOfRows() throws {
    let result = try GemmBenchmark(shape: .named("opt-tiny"), repeats: 1, rows: [1, 8])
    let lines = try #require(result.json["lines"]?.elements)
    #expect(lines.map { $0["rows"]?.integer } == [1, 8])
    for line in lines {
      for key in ["sgemm", "model", "low_rank_pair", "dense_pair"] { try checkSpread(line, key + "_seconds") }
    }
    // 2 layers of 12 h^2 weights.
    let weights = 2.0 * 12 * 32 * 32
    #expect(result.lines.map(\.operations) == [2 * weights, 16 * weights])
    #expect(try number(result.json, "gflops_512x768x3072") > 0)
  }

  @Test func noiseIsTimedOnEveryInstructionSet() throws {
    let result = try NoiseBenchmark(count: 1 << 17, repeats: 1)
    let lines = try #require(result.json["lines"]?.elements)
    for line in lines { try checkSpread(line, "ns_per_parameter") }
    for operation in ["fill", "add"] {
      for noise in ["gaussian", "rademacher"] {
        let sets = lines.filter { $0["operation"]?.string == operation && $0["distribution"]?.string == noise }
          .compactMap { $0["instruction_set"]?.string }
        #expect(sets.contains(Backend.instructionSet) && sets.contains("generic"))
      }
    }
    #expect(result.lines.contains { $0.operation == "axpy" })
    try checkSpread(result.json, "rademacher_add_over_axpy")
    #expect(result.text.contains("Adding Rademacher noise in cache takes"))
    #expect(result.lines.contains { $0.operation.hasPrefix("GSL") })
    #expect(throws: InputError.self) { try NoiseBenchmark(count: 10, repeats: 1) }
  }

  @Test func scalingFitsAnExponent() throws {
    let shapes = try ["opt-tiny", "opt-1m"].map { try BenchmarkShape.named($0) }
    let result = try ScalingBenchmark(
      largest: "opt-1m", batch: 1, tokens: 4, methods: ["lozo"], repeats: 1, shapes: shapes)
    #expect(result.names == ["forward", "lozo"])
    // 12 h^2 a layer and the vocabulary.
    #expect(result.lines.map(\.parameters) == [2 * 12 * 32 * 32 + 128 * 32, 4 * 12 * 128 * 128 + 2048 * 128])
    #expect(result.exponent(0).isFinite)
    #expect(result.json["exponents"]?["lozo"]?.double == result.exponent(1))
    #expect(throws: InputError.self) {
      try ScalingBenchmark(largest: "opt-9t", batch: 1, tokens: 4, methods: [], repeats: 1)
    }
  }

  @Test func memoryKnowsTheStoredState() throws {
    let setting = try setting()
    let figures = try [MemoryBenchmark.Figure.inference, "mezo", "dizo"].map {
      try MemoryBenchmark.Figure(setting, name: $0, warmUp: 2)
    }
    // DiZO stores query and value of both layers.
    #expect(figures.map(\.stateCount) == [0, 0, 2 * 2 * (32 * 32)])
    for figure in figures {
      #expect(figure.peak > 0 && figure.anonymous > 0)
      #expect(try MemoryBenchmark.Figure(figure.json).json == figure.json)
    }
    #expect(throws: InputError.self) { try MemoryBenchmark.Figure(["name": "mezo"]) }
  }

  @Test func allocationsAreReadFromTheTrace() {
    let trace = """
      = Start
      @ ./zeroth:[0x88e] + 0x5605074524b0 0x186a0
      @ ./zeroth:(name+0x12)[0x88e] + 0x5605074524b0 0x20
      @ ./zeroth:[0x88e] - 0x5605074524b0
      @ ./zeroth:[0x88e] < 0x5605074524b0
      @ ./zeroth:[0x88e] > 0x5605074524c0 0x10000
      = End
      """
    let count = AllocationTrace.parse(trace)
    #expect(count.all == 3 && count.large == 2 && count.bytes == 100_000 + 32 + 65536)
  }

  @Test func quartilesLieBetweenNeighbours() {
    let spread = Spread([4, 1, 2, 3])
    #expect(spread.lower == 1.75 && spread.median == 2.5 && spread.upper == 3.25)
    #expect(Spread([]).median.isNaN)
  }

  @Test func savedModelsAndBatchesCanBeReadAgain() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("zeroth-bench-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let task = try BenchmarkTask(setting())
    try task.save(to: folder)
    let model = try CausalModel(directory: folder)
    let theta = try model.loadParameters()
    let json = try JSON(
      parsing: #require(FileManager.default.contents(atPath: folder + "/batch.json")), subject: "batch.json")
    let sequences = try #require(json["examples"]?.elements).map { example in
      try #require(example["tokens"]?.elements).compactMap(\.integer)
    }
    let objective = LanguageModelingObjective(
      model, sequences.map { .init($0) }, try BatchSampler(count: 3, size: 3, seed: 0))
    let loss = try objective.loss(at: theta, on: Batch(step: 0))
    let expected = try number(json, "loss_at_theta")
    #expect(loss == expected)
  }
}
