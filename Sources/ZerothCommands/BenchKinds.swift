import ArgumentParser
import Zeroth
import ZerothBenchmarks
import ZerothModels
import ZerothRecords
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTraining

extension Bench {
  struct Pair: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "A step of one optimiser over a step of another on imdb-opt, side by side.")

    @Argument(help: "A preset of an optimiser, or parts such as example-rge+sgd. Required.")
    var first: String
    @Argument(help: "The one that it is compared with. Required.")
    var second: String
    @OptionGroup var plugins: PluginOptions
    @Option(help: "Examples in a mini-batch.")
    var batch = 16
    @Option(help: "Rounds; medians and quartiles are printed.")
    var repeats = 100
    @OptionGroup var threads: ThreadOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
      try threads.apply()
      let result = try PairBenchmark(
        first, over: second, batch: batch, repeats: repeats, registry: plugins.registry())
      output.print(result.json, text: result.text)
    }
  }

  struct Forward: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract:
        "A forward pass over sgemm at the same shapes, in operations a second; or over fp32, of weights as they are stored."
    )

    @OptionGroup var task: ShapeOptions
    @Option(
      help: "A model, whose weights stay as they are stored: a folder or a GGUF file. Default: the shape.",
      completion: .file())
    var model: String?
    @Option(help: "How the shape's matrices are stored, such as q4_0, with random codes. Default: fp32.")
    var storage: String?
    @Flag(help: "Read out the logits of the last position of each sequence alone, of weights as they are stored.")
    var lastPosition = false
    @Flag(inversion: .prefixedNo, help: "Measure fp32 too, beside weights as they are stored.")
    var reference = true
    @Option(help: "Repeats; medians and quartiles are printed.")
    var repeats = 5
    @OptionGroup var threads: ThreadOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
      try threads.apply()
      if model != nil || storage != nil { return try measureStorage() }
      let setting = try BenchmarkSetting(shape: task.shape, batch: task.batch, tokens: task.tokens, loss: task.loss)
      let result = try ForwardBenchmark(setting, repeats: repeats)
      output.print(result.json, text: result.text)
    }

    private func measureStorage() throws {
      let setting = StorageBenchmark.Setting(
        batch: task.batch, tokens: task.tokens, readsLastPosition: lastPosition, comparesFloats: reference)
      let result: StorageBenchmark
      if let model {
        guard storage == nil else {
          throw InputError("--storage", found: "'\(storage ?? "")' with --model", expected: "the model as it is stored")
        }
        result = try StorageBenchmark(
          path: Embedded.modelDirectory(model), setting, repeats: repeats, families: ZerothTool.toolbox.families)
      } else {
        result = try StorageBenchmark(
          shape: .named(task.shape), storage: storage ?? "", setting, repeats: repeats)
      }
      output.print(result.json, text: result.text)
    }
  }

  struct NoiseSpeed: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "noise", abstract: "Nanoseconds of noise per parameter, by instruction set and threads.")

    @Option(help: "Parameters.")
    var parameters = 1 << 25
    @Option(help: "Test the quality of so many numbers of each stream too, such as 100000000. Default: none.")
    var quality: Int?
    @Option(help: "Repeats; medians and quartiles are printed.")
    var repeats = 5
    @OptionGroup var threads: ThreadOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
      try threads.apply()
      let result = try NoiseBenchmark(count: parameters, repeats: repeats)
      let quality = try self.quality.map { try NoiseQuality(samples: $0) }
      output.print(
        ["speed": result.json, "quality": quality?.json ?? .null],
        text: result.text + (quality.map { "\n" + $0.text } ?? ""))
    }
  }

  struct Gemm: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "The products of a model's layers at 1 to 1024 rows, by sgemm and as the model makes them.")

    @Option(help: "The model's shape.")
    var shape = "opt-125m"
    @Option(help: "Repeats; medians and quartiles are printed.")
    var repeats = 5
    @OptionGroup var threads: ThreadOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
      try threads.apply()
      let result = try GemmBenchmark(shape: .named(shape), repeats: repeats)
      output.print(result.json, text: result.text)
    }
  }

  struct Scaling: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Time of a token against parameters, and the exponent of its growth.")

    @Option(help: "The last shape.")
    var largest = "opt-1.3b"
    @Option(help: "Sequences in the mini-batch.")
    var batch = 16
    @Option(help: "Tokens in a sequence.")
    var tokens = 64
    @Option(name: [.long, .customLong("methods")], help: "Presets of optimisers, separated by commas.")
    var optimizers = "mezo,lozo"
    @Option(help: "Repeats; medians and quartiles are printed.")
    var repeats = 3
    @OptionGroup var threads: ThreadOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
      try threads.apply()
      let registry = ZerothTool.toolbox.registry
      let result = try ScalingBenchmark(
        largest: largest, batch: batch, tokens: tokens, methods: MethodOptions.names(optimizers, registry),
        repeats: repeats, registry: registry)
      output.print(result.json, text: result.text)
    }
  }
}

extension Bench {
  struct Theory: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "The exponents of the papers' theorems, on an objective whose constants are known.")

    @Option(help: "Seeds that each mean is over.")
    var seeds = 4
    @OptionGroup var threads: ThreadOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
      try threads.apply()
      let result = try TheoryBenchmark(seeds: seeds)
      output.print(result.json, text: result.text)
    }
  }
}
