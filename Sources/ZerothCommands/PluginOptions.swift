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

/// Libraries of strategies, which every command takes that names strategies.
struct PluginOptions: ParsableArguments {
  @Option(
    name: .customLong("plugin"), parsing: .singleValue,
    help: ArgumentHelp(
      "A shared library of strategies to load; may be given more than once. Default: none.", valueName: "path"),
    completion: .file(extensions: ["so"]))
  var plugins: [String] = []
  @Flag(help: "Check everything that plugins write, in every step: slow.")
  var checkPlugins = false

  /// What the tool knows by name, with the strategies of these libraries.
  func registry() throws(InputError) -> Registry {
    guard !checkPlugins || !plugins.isEmpty else {
      throw InputError("--check-plugins", found: "no --plugin", expected: "a library to check")
    }
    var registry = ZerothTool.toolbox.registry
    for path in plugins { try registry.load(plugin: path, checking: checkPlugins) }
    return registry
  }

  /// The options again, for a process that does a part of the work.
  var arguments: [String] { plugins.flatMap { ["--plugin", $0] } + (checkPlugins ? ["--check-plugins"] : []) }
}
