import ArgumentParser
import Zeroth
import ZerothBenchmarks
import ZerothModels
import ZerothPluginHost
import ZerothRecords
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTraining

/// The options that name plugin libraries. Every command that names strategies has them.
struct PluginOptions: ParsableArguments {
  @Option(
    name: .customLong("plugin"), parsing: .singleValue,
    help: ArgumentHelp(
      "A shared library of strategies to load; may be given more than once. Default: none.", valueName: "path"),
    completion: .file(extensions: ["so"]))
  var plugins: [String] = []
  @Flag(help: "Check everything that plugins write, in every step: slow.")
  var checkPlugins = false

  /// The registry of the tool, with the strategies of these libraries added.
  func registry() throws(InputError) -> Registry {
    guard !checkPlugins || !plugins.isEmpty else {
      throw InputError("--check-plugins", found: "no --plugin", expected: "a library to check")
    }
    var registry = ZerothTool.toolbox.registry
    for path in plugins { try registry.load(plugin: path, checking: checkPlugins) }
    return registry
  }

  /// These options as arguments, for a child process.
  var arguments: [String] { plugins.flatMap { ["--plugin", $0] } + (checkPlugins ? ["--check-plugins"] : []) }
}
