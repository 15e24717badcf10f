import ArgumentParser
import Zeroth
import ZerothBenchmarks
import ZerothSupport

extension Bench {
  struct Decode: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Tokens a second of greedy decoding, over the limit of reading the weights once for each token.")

    @OptionGroup var decoded: DecodedModelOptions
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
        path: decoded.path(), isWidened: decoded.float32, prompt: promptTokens, tokens: tokens,
        repeats: repeats, families: ZerothTool.toolbox.families)
      output.print(result.json, text: result.text)
    }
  }
}
