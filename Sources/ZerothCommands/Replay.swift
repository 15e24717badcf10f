import ArgumentParser
import Zeroth
import ZerothRecords
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTraining

struct Replay: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Rebuild the tuned model of a run from the base model and the recorded losses, bit for bit.")

  @Argument(help: ArgumentHelp("Folder of the run. Required.", valueName: "run"), completion: .directory)
  var folder: String
  @Option(help: "Folder of the base model. Default: where the run found it.", completion: .directory)
  var model: String?
  @Option(
    help: "Folder of the adapter that the run started from, of one that did. Default: where the run found it.",
    completion: .directory)
  var peft: String?
  @Option(
    help: "Folder that the model is written to, or the adapter of a run that trained one. Required.",
    completion: .directory)
  var out: String
  @Option(parsing: .unconditional, help: "Steps to replay. Default: up to the model that the run kept.")
  var step: Int?
  @OptionGroup var plugins: PluginOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    try WrittenPlace.check(out)
    let replayed = try WrittenPlace.removingRemains(in: out) {
      try ReplayedRun(
        folder, modelPath: model, peft: peft, out: out, step: step, registry: plugins.registry(),
        tasks: ZerothTool.toolbox.tasks, families: ZerothTool.toolbox.families)
    }
    let dropped =
      replayed.droppedBytes > 0 ? "; \(replayed.droppedBytes) bytes of an unfinished step were left out" : ""
    output.print(
      [
        "steps": .int(replayed.steps), "recorded_steps": .int(replayed.recordedSteps),
        "dropped_bytes": .int(replayed.droppedBytes), "weights": .string(replayed.weights), "out": .string(out),
      ],
      text:
        "\(out): the model after step \(replayed.steps)\(step == nil ? ", the best on dev," : "") of \(replayed.recordedSteps) recorded ones, "
        + "weights \(replayed.weights)\(dropped)")
  }
}
