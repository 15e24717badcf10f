import ArgumentParser
import Zeroth
import ZerothBenchmarks
import ZerothSupport

extension Bench {
  struct CostsTable: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "table",
      abstract: "The papers' tables of memory and throughput for this machine: every method with and without LoRA.")

    @Option(help: "The model's shape.")
    var shape = "opt-125m"
    @Option(help: "Sequences in the mini-batch.")
    var batch = 16
    @Option(help: "Tokens in a sequence; the papers' figures are of 35 (SST-2), 180 (RTE) and 300 (SQuAD).")
    var tokens = 35
    @Option(
      name: [.long, .customLong("methods")],
      help: "Presets of optimisers, separated by commas; ratios are to mezo.")
    var optimizers = CostTable.methods.joined(separator: ",")
    @OptionGroup var plugins: PluginOptions
    @Option(help: "Rounds; medians and quartiles are printed.")
    var repeats = 3
    @Flag(help: "Print the table as Markdown.") var markdown = false
    @OptionGroup var threads: ThreadOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
      try threads.apply()
      guard !markdown || !output.json else {
        throw InputError("--markdown", found: "it with --json", expected: "one of them")
      }
      let names = try MethodOptions.names(optimizers, plugins.registry())
      try require("--repeats", repeats, "1 to 100000") { (1...100_000).contains($0) }
      let setting = try BenchmarkSetting(shape: shape, batch: batch, tokens: tokens)
      let result = try CostTable(setting, methods: names, repeats: repeats) { name, isLoRA in
        let arguments = [
          "table-figure", name, "--shape", shape, "--batch", "\(batch)", "--tokens", "\(tokens)", "--repeats",
          "\(repeats)", "--threads", "\(threads.threads)",
        ]
        return try CostFigure(
          Bench.figure(of: name, arguments + (isLoRA ? ["--lora"] : []) + plugins.arguments, shape: shape))
      }
      output.print(result.json, text: markdown ? result.markdown : result.text)
    }
  }

  /// Measures one row of `table`, in a process that does nothing else.
  struct CostsFigure: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "table-figure", shouldDisplay: false)

    @Argument var name: String
    @Option var shape = "opt-125m"
    @Option var batch = 16
    @Option var tokens = 35
    @Option var repeats = 3
    @Flag var lora = false
    @OptionGroup var plugins: PluginOptions
    @OptionGroup var threads: ThreadOptions

    func run() throws {
      try threads.apply()
      let setting = try BenchmarkSetting(shape: shape, batch: batch, tokens: tokens, tuning: lora ? "lora" : nil)
      print(
        JSON.object(try CostFigure(setting, name: name, repeats: repeats, registry: plugins.registry()).members))
    }
  }
}
