import ArgumentParser
import ZerothTasks

/// Whether a task from a file may start programs, which every command takes that may score answers.
struct ProgramOptions: ParsableArguments {
  @Flag(help: "Refuse a task whose file names a program to score answers by.")
  var noCommands = false

  /// The tasks that the tool knows.
  var tasks: TaskRegistry {
    var tasks = ZerothTool.toolbox.tasks
    tasks.allowsCommands = !noCommands
    return tasks
  }

  /// The options again, for a process that does a part of the work.
  var arguments: [String] { noCommands ? ["--no-commands"] : [] }
}
