import ArgumentParser
import ZerothModels
import ZerothTraining

/// The options of a command that asks a model the questions of a task: which model, and how it is asked.
struct AskedModelOptions: ParsableArguments {
  @Option(help: .option("model", "path"), completion: .file())
  var model: String
  @Option(help: .peft, completion: .directory)
  var peft: String?
  @Option(help: .option("task", "name"), completion: Shortcut.named("task").completion(ZerothTool.toolbox))
  var task: String
  @Flag(help: .option("task", "chat"))
  var chat = false

  /// The adapter that `--peft` names; nil without the option. Throws an `InputError` for an adapter that cannot be
  /// read.
  func tuning() throws -> TuningSource? { try peft.map { .adapter(try PEFTAdapter(directory: $0)) } }
}
