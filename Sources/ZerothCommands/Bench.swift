import ArgumentParser
import Foundation
import Zeroth
import ZerothBenchmarks
import ZerothModels
import ZerothPluginHost
import ZerothRecords
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTraining

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure speed and memory, on shapes made on the spot.",
    subcommands: [
      Step.self, Pair.self, Forward.self, NoiseSpeed.self, Gemm.self, Decode.self, RewardStep.self, Memory.self,
      Scaling.self, Distributed.self, Theory.self, CostsTable.self, MemoryFigure.self, CostsFigure.self,
    ],
    defaultSubcommand: Step.self)
}

/// The options of every benchmark: the shape of the model and of the mini-batch.
struct ShapeOptions: ParsableArguments {
  @Option(help: "The model's shape: \(BenchmarkShape.all.map(\.name).joined(separator: ", ")).")
  var shape = "opt-125m"
  @Option(help: "Sequences in the mini-batch.")
  var batch = 16
  @Option(help: "Tokens in a sequence.")
  var tokens = 64
  @Option(help: "The loss: language-model, or classification with two candidates of a token each.")
  var loss = BenchmarkSetting.Loss.languageModel.rawValue
}

/// The options of the benchmarks that measure whole steps.
struct SettingOptions: ParsableArguments {
  @OptionGroup var task: ShapeOptions
  @Option(help: "Directions of a step, for estimators that average several. Default: as the method says.")
  var queries: Int?
  @Option(help: "The rank of directions, for estimators that have one. Default: as the method says.")
  var rank: Int?
  @Option(
    help: ArgumentHelp(
      "How dense directions are drawn: \(NoiseDistribution.allCases.map(\.rawValue).joined(separator: ", ")). "
        + "Default: as the method says."))
  var distribution: String?

  @Option(
    help: """
      What is trained: full, the model's own blocks; lora, of rank 8 on query and value; bitfit; or prefix, of 5 tokens. Plain \
      forward passes are those of the model alone. Default: full.
      """, completion: .list(RunSettings.tuningMethods))
  var tuning: String?
  @Option(help: "How matrices are stored that are frozen, such as q4_0, with random codes. Default: fp32.")
  var storage: String?
  @Flag(help: "Compute activations anew for gradients instead of keeping them, as run.checkpointing does.")
  var checkpointing = false

  @Flag(
    help: """
      Matrices are never written, and low-rank updates are kept beside them; with fp32 matrices, steps are compared with those \
      that write them.
      """)
  var frozen = false
  @Option(help: "With --frozen: the window of LOZO that is measured in, 2 ranks more than the one before. Default: 1.")
  var window: Int?

  func setting() throws -> BenchmarkSetting {
    try BenchmarkSetting(
      shape: task.shape, batch: task.batch, tokens: task.tokens, loss: task.loss, queries: queries, rank: rank,
      distribution: distribution, tuning: tuning, storage: storage, checkpointing: checkpointing, frozen: frozen,
      window: window)
  }

  var arguments: [String] {
    ["--shape", task.shape, "--batch", "\(task.batch)", "--tokens", "\(task.tokens)", "--loss", task.loss]
      + (queries.map { ["--queries", "\($0)"] } ?? []) + (rank.map { ["--rank", "\($0)"] } ?? [])
      + (distribution.map { ["--distribution", $0] } ?? [])
      + (tuning.map { ["--tuning", $0] } ?? []) + (storage.map { ["--storage", $0] } ?? [])
      + (frozen ? ["--frozen"] : []) + (window.map { ["--window", "\($0)"] } ?? [])
      + (checkpointing ? ["--checkpointing"] : [])
  }
}

/// The options that choose the methods to measure.
struct MethodOptions: ParsableArguments {
  @Option(
    name: [.long, .customLong("methods")],
    help: "Presets of optimisers, or parts such as lge+lozo-m, separated by commas.")
  var optimizers = Demo.optimizers.joined(separator: ",")

  func names(_ registry: Registry) throws -> [String] { try Self.names(optimizers, registry) }

  static func names(_ optimizers: String, _ registry: Registry) throws -> [String] {
    let names = optimizers.split(separator: ",").map(String.init)
    try require("--optimizers", names.count, "at least one preset") { $0 >= 1 }
    for name in names { _ = try registry.composition(named: name, origin: "--optimizers") }
    return names
  }
}

extension Bench {
  struct Step: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Steps of the methods over two plain forward passes, and their peak memory. The default.")

    @OptionGroup var setting: SettingOptions
    @OptionGroup var methods: MethodOptions
    @OptionGroup var plugins: PluginOptions
    @Option(help: "Rounds; medians and quartiles are printed.")
    var repeats = 5
    @Flag(inversion: .prefixedNo, help: "Measure peak memory too, each method in a process of its own.")
    var memory = true
    @Flag(
      inversion: .prefixedNo, help: "Compare classification with full logits and a forward pass for each candidate.")
    var reference = true
    @Option(
      help:
        "Also write the model and the mini-batch to this folder, for other programs to compute. Default: no folder.",
      completion: .directory)
    var save: String?
    @OptionGroup var threads: ThreadOptions
    @OptionGroup var output: OutputOptions
    @Argument(help: .hidden) var rest: [String] = []

    func run() throws {
      if let word = rest.first {
        let kinds = Bench.configuration.subcommands.filter { $0.configuration.shouldDisplay }.map { $0._commandName }
        throw InputError(
          "bench", found: "'\(word)'",
          expected: kinds.dropLast().joined(separator: ", ") + " or " + (kinds.last ?? "nothing"))
      }
      try threads.apply()
      let setting = try setting.setting()
      let registry = try plugins.registry()
      let names = try methods.names(registry)
      try require("--repeats", repeats, "1 to 100000") { (1...100_000).contains($0) }
      if let save { try BenchmarkTask(setting).save(to: save) }
      // Memory is measured first, while this process does not yet hold a model.
      let memory =
        try self.memory
        ? MemoryBenchmark(setting, methods: names) {
          try MemoryFigure.launch(
            $0, self.setting, plugins, warmUp: 2, threads: threads.threads, countsAllocations: false)
        } : nil
      let result = try StepBenchmark(
        setting, methods: names, repeats: repeats, memory: memory, reference: reference,
        registry: registry)
      output.print(result.json, text: result.text)
    }
  }

  struct Memory: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Peak memory of inference and of every method, and allocations of a step.")

    @OptionGroup var setting: SettingOptions
    @OptionGroup var methods: MethodOptions
    @OptionGroup var plugins: PluginOptions
    @Option(help: "Steps before anything is measured.")
    var warmUp = 10
    @OptionGroup var threads: ThreadOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
      try threads.apply()
      try require("--warm-up", warmUp, "1 to 1000000") { (1...1_000_000).contains($0) }
      let result = try MemoryBenchmark(setting.setting(), methods: methods.names(plugins.registry())) {
        try MemoryFigure.launch(
          $0, setting, plugins, warmUp: warmUp, threads: threads.threads, countsAllocations: true)
      }
      output.print(result.json, text: result.text)
    }
  }

  /// Measures one line of `memory`. It runs in a process that does nothing else, so that the memory belongs to that
  /// line alone.
  struct MemoryFigure: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "memory-figure", shouldDisplay: false)

    @Argument var name: String
    @OptionGroup var setting: SettingOptions
    @OptionGroup var plugins: PluginOptions
    @Option var warmUp = 10
    @OptionGroup var threads: ThreadOptions

    func run() throws {
      try threads.apply()
      let figure = try MemoryBenchmark.Figure(
        setting.setting(), name: name, warmUp: warmUp, registry: plugins.registry())
      print(figure.json)
    }

    /// Starts this tool as a process of its own that measures one figure.
    static func launch(
      _ name: String, _ setting: SettingOptions, _ plugins: PluginOptions, warmUp: Int, threads: Int,
      countsAllocations: Bool
    ) throws -> MemoryBenchmark.Figure {
      let arguments =
        ["memory-figure", name] + setting.arguments + plugins.arguments + [
          "--warm-up", "\(warmUp)", "--threads", "\(threads)",
        ]
      let trace = FileManager.default.temporaryDirectory.appendingPathComponent("zeroth-\(UUID().uuidString).mtrace")
      defer { try? FileManager.default.removeItem(at: trace) }
      return try MemoryBenchmark.Figure(
        Bench.figure(
          of: name, arguments, shape: setting.task.shape,
          environment: countsAllocations ? AllocationTrace.environment(file: trace.path) : [:]))
    }
  }

  /// Runs the tool with `bench ARGUMENTS` in a new process and returns what it prints. `environment` is added to the
  /// environment of this process.
  static func figure(
    of name: String, _ arguments: [String], shape: String, environment: [String: String] = [:]
  ) throws -> JSON {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = ["bench"] + arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw InputError(
        "bench \(name)", found: "a process that ended with status \(process.terminationStatus)",
        expected: "enough memory for \(shape)")
    }
    return try JSON(parsing: data, subject: "bench \(name)")
  }
}
