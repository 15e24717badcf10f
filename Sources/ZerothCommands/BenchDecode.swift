import ArgumentParser
import Zeroth
import ZerothBenchmarks
import ZerothResources
import ZerothSupport

extension Bench {
  struct Decode: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Tokens a second of greedy decoding, over the limit of reading the weights once for each token.")

    @Option(help: "A causal model: a folder or a GGUF file; imdb-opt is the one that is built in.", completion: .file())
    var model = Embedded.modelName
    @Flag(help: "Widen the weights to fp32 first.")
    var float32 = false
    @Option(help: "Tokens in front.")
    var promptTokens = 16
    @Option(help: "Tokens that are generated.")
    var tokens = 64
    @Option(help: "Rounds; medians and quartiles are printed.")
    var repeats = 5
    @OptionGroup var threads: ThreadOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
      try threads.apply()
      let result = try DecodingBenchmark(
        path: Embedded.modelDirectory(model), isWidened: float32, prompt: promptTokens, tokens: tokens,
        repeats: repeats,
        families: ZerothTool.toolbox.families)
      output.print(result.json, text: result.text)
    }
  }
}
