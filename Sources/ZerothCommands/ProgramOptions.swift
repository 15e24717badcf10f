import ArgumentParser
import ZerothTasks

/// The option that forbids a task file to start programs. Every command that may score answers has it.
struct ProgramOptions: ParsableArguments {
  @Flag(help: "Refuse a task whose file names a program to score answers by.")
  var noCommands = false

  /// The tasks that the tool knows.
  var tasks: TaskRegistry {
    var tasks = ZerothTool.toolbox.tasks
    tasks.allowsCommands = !noCommands
    return tasks
  }

  /// This option as arguments, for a child process.
  var arguments: [String] { noCommands ? ["--no-commands"] : [] }
}
