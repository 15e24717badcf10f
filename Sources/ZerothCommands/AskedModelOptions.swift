import ArgumentParser
import ZerothModels
import ZerothTraining

/// The model that a command asks about a task, and how.
struct AskedModelOptions: ParsableArguments {
  @Option(help: .option("model", "path"), completion: .file())
  var model: String
  @Option(help: .peft, completion: .directory)
  var peft: String?
  @Option(help: .option("task", "name"), completion: Shortcut.named("task").completion(ZerothTool.toolbox))
  var task: String
  @Flag(help: .option("task", "chat"))
  var chat = false

  /// The adapter beside the model; nil without one. Throws `InputError` for one that cannot be read.
  func tuning() throws -> TuningSource? { try peft.map { .adapter(try PEFTAdapter(directory: $0)) } }
}
