import ArgumentParser
import Zeroth
import ZerothBenchmarks
import ZerothDistributed
import ZerothSupport
import ZerothTraining

extension Bench {
  struct Distributed: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract:
        "Steps that the ranks of a job make together; or what they would take with more workers than there are.",
      discussion: """
        Under mpirun it times steps of all ranks. With --simulate it times one process, and computes what 1 to 10 000 workers \
        would take for models of 125 M to 13 B parameters on networks of some latency.
        """)

    @Option(help: "The model's shape.")
    var shape = "opt-125m"
    @Option(help: "Sequences in the mini-batch; with --simulate, in that of each worker.")
    var batch = 16
    @Option(help: "Tokens in a sequence.")
    var tokens = 64
    @Option(help: "How dense directions are drawn. Default: as the method says.")
    var distribution: String?
    @Option(name: [.long, .customLong("methods")], help: "Presets of optimisers, separated by commas.")
    var optimizers = "lozo,mezo"
    @Option(help: "Shards of the mini-batch. Default: as many as there are ranks.")
    var shards: Int?
    @Flag(help: "Compute what more workers would take, from what one takes here.")
    var simulate = false
    @Option(help: "With --simulate: milliseconds until a message arrives, separated by commas.")
    var latency = "0.05,10"
    @Option(help: "With --simulate: megabytes a second.")
    var bandwidth = 1250.0
    @Option(help: "Steps that are timed; medians and quartiles are printed.")
    var repeats = 5
    @OptionGroup var threads: ThreadOptions
    @OptionGroup var plugins: PluginOptions
    @OptionGroup var output: OutputOptions

    func run() throws { try ZerothTool.inJob(run) }

    private func run(in job: Job) throws {
      try threads.apply()
      try require("--repeats", repeats, "1 to 100000") { (1...100_000).contains($0) }
      let registry = try job.together { try plugins.registry() }
      let names = try MethodOptions.names(optimizers, registry)
      let setting = try BenchmarkSetting(shape: shape, batch: batch, tokens: tokens, distribution: distribution)
      if simulate {
        let networks = try latencies().map {
          WorkerSimulation.Network(latency: $0 / 1000, bandwidth: bandwidth * 1e6)
        }
        let result = try WorkerSimulation(
          setting, methods: names, networks: networks, repeats: repeats, registry: registry)
        if job.leads { output.print(result.json, text: result.text) }
        return
      }
      let shards = shards ?? job.size
      try require("--shards", shards, "1 to 65536") { (1...65536).contains($0) }
      let result = try SharedStepBenchmark(
        setting, methods: names, shards: shards, repeats: repeats, job: job, registry: registry)
      if job.leads { output.print(result.json, text: result.text) }
    }

    private func latencies() throws(InputError) -> [Double] {
      try require("--bandwidth", bandwidth, "a number above 0") { $0 > 0 && $0.isFinite }
      let numbers = latency.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
      guard numbers.allSatisfy({ $0.map { $0 >= 0 && $0.isFinite } ?? false }) else {
        throw InputError("--latency", found: "'\(latency)'", expected: "milliseconds, separated by commas")
      }
      return numbers.compactMap(\.self)
    }
  }
}
