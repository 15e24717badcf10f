import ArgumentParser
import Zeroth
import ZerothBenchmarks
import ZerothSupport

extension Bench {
  struct RewardStep: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "reward",
      abstract:
        "A step on a reward over the generations of its points one after the other, and a program's share of it.")

    @OptionGroup var decoded: DecodedModelOptions
    @Option(help: "lge or rge, whose directions the points are along.")
    var estimator = "lge"
    @Option(help: "Prompts in the mini-batch.")
    var prompts = 4
    @Option(help: "Tokens of a prompt.")
    var promptTokens = 8
    @Option(help: "Tokens that are generated.")
    var tokens = 16
    @Option(help: "Directions of a step, each with two points.")
    var queries = 8
    @Option(help: "Rounds; medians and quartiles are printed.")
    var repeats = 5
    @OptionGroup var threads: ThreadOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
      try threads.apply()
      let result = try RewardBenchmark(
        path: decoded.path(), isWidened: decoded.float32,
        .init(prompts: prompts, promptTokens: promptTokens, tokens: tokens, queries: queries), estimator: estimator,
        repeats: repeats, families: ZerothTool.toolbox.families)
      output.print(result.json, text: result.text)
    }
  }
}
