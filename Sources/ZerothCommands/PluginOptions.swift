import ArgumentParser
import Zeroth
import ZerothBenchmarks
import ZerothModels
import ZerothPluginHost
import ZerothRecords
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTraining

/// Libraries of strategies, which every command takes that names strategies.
struct PluginOptions: ParsableArguments {
  @Option(
    name: .customLong("plugin"), parsing: .singleValue,
    help: ArgumentHelp("A shared library of strategies to load; may be given more than once.", valueName: "path"))
  var plugins: [String] = []
  @Flag(help: "Check everything that plugins write, in every step: slow.")
  var checkPlugins = false

  /// What the tool knows by name, with the strategies of these libraries.
  func registry() throws -> Registry { try Self.registry(loading: plugins, checking: checkPlugins) }

  static func registry(loading paths: [String], checking: Bool) throws -> Registry {
    var registry = ZerothTool.toolbox.registry
    for path in paths { try registry.load(plugin: path, checking: checking) }
    return registry
  }

  /// The options again, for a process that does a part of the work.
  var arguments: [String] { plugins.flatMap { ["--plugin", $0] } + (checkPlugins ? ["--check-plugins"] : []) }
}
