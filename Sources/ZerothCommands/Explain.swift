import ArgumentParser
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTraining

struct Explain: ParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      abstract:
        "Show what a strategy computes and its options, how a task is asked, the options of a table, or one option.",
      discussion: "`\(ZerothTool.name) list` has the names; the tables are model, tuning, task, run and sweep.")
  }

  @Argument(
    help:
      "A strategy, a method of tuning, a task, a table of the configuration (model, tuning, task, run or sweep), or an option, such as learning-rate. Required without --all.",
    completion: .list(Glossary(ZerothTool.toolbox.registry, ZerothTool.toolbox.tasks).names))
  var name: String?
  @Flag(help: "Explain everything that has options, as docs/options.md does.")
  var all = false
  @Flag(help: "Print Markdown instead of text; with --all.")
  var markdown = false
  @OptionGroup var plugins: PluginOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let glossary = Glossary(try plugins.registry(), ZerothTool.toolbox.tasks)
    guard (name == nil) == all else {
      throw InputError(
        "explain", found: name.map { "'\($0)' and --all" } ?? "no name",
        expected: "a name from `\(ZerothTool.name) list`, a table (model, tuning, task, run), or --all")
    }
    if markdown {
      guard all, !output.json else {
        throw InputError("--markdown", found: all ? "--json" : "no --all", expected: "--all alone beside it")
      }
      return print(glossary.markdown(tool: ZerothTool.name), terminator: "")
    }
    let entries = try name.map { name throws(InputError) in try glossary.entries(named: name) } ?? glossary.withOptions
    try output.print(
      .array(entries.map { ["kind": .string($0.kind), "description": try $0.json] }),
      text: entries.map { "\($0.kind) \(try $0.text)" }.joined(separator: "\n"))
  }
}
