import ArgumentParser
import Foundation
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

struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Fine-tune a model on a task.",
    usage: """
      zeroth train --model DIR --task sst2 --data DIR --optimizer NAME --steps N [--out RUN] [options]
      zeroth train --config FILE [--set TABLE.KEY=VALUE ...] [options]
      """,
    discussion: """
      --config FILE         read settings from a TOML file; what follows on the command line overrides it
      --set TABLE.KEY=VALUE set any option, such as adapter.moves=4 (see `zeroth explain NAME`)
      --resume              go on with the run in --out
      --plugin PATH         load a shared library of strategies; may be given more than once
      --check-plugins       check everything that plugins write, in every step
      --json                print the result as JSON

      Short names of options:

      \(Shortcut.all.map { shortcut in
        "--" + shortcut.names.joined(separator: ", --") + " VALUE"
      }.map { $0.padding(toLength: 30, withPad: " ", startingAt: 0) }.enumerated().map { i, name in
        name + "\(Shortcut.all[i].table).\(Shortcut.all[i].key)"
      }.joined(separator: "\n"))

      The model `imdb-opt` and the data of the task sst2 come with the tool.
      """)

  @Argument(parsing: .captureForPassthrough, help: .hidden)
  var arguments: [String] = []

  func run() throws {
    if arguments.isEmpty || arguments.contains("--help") || arguments.contains("-h") {
      throw CleanExit.helpRequest(self)
    }
    var request = try Request(arguments)
    let registry = try PluginOptions.registry(loading: request.plugins, checking: request.checksPlugins)
    if request.settings["run", "out"] == nil, request.resumes {
      throw InputError("--resume", found: "no --out", expected: "the run's folder")
    }
    // A run to resume knows its own settings; those given now override them, and must not change what it computes.
    if request.resumes, request.isBare, case .text(let out)? = request.settings["run", "out"]?.value {
      try registry.requirePlugins(ofRun: RunFiles(out).record)
      var settings = try Settings(ofRun: RunFiles(out).record)
      try settings.set("run", "out", Setting(.typed(.string(out)), origin: "--out"))
      request.settings = settings
    }
    let configuration = try RunConfiguration(request.settings, registry, tasks: ZerothTool.toolbox.tasks)
    let progress = ProgressLine(configuration.optimizerName, total: configuration.steps)
    let result = try TrainingRun(configuration, progress: progress)
      .run(resuming: request.resumes)
    Tool.print(
      .object(result.json + [.init("end", .string(result.end))]),
      text: result.table(configuration.optimizerName), asJSON: request.printsJSON)
    if result.isCutShort {
      progress.print("zeroth: the run ended early: \(result.end)")
      throw ExitCode(1)
    }
  }

  /// The command line, taken apart.
  struct Request {
    var settings = Settings()
    var printsJSON = false
    var resumes = false
    var plugins: [String] = []
    var checksPlugins = false
    /// Whether nothing but the folder was given.
    var isBare = true

    init(_ arguments: [String]) throws {
      var assignments: [(name: String, value: String)] = []
      var rest = arguments[...]
      while let word = rest.popFirst() {
        switch word {
        case "--json": printsJSON = true
        case "--resume": resumes = true
        case "--check-plugins": checksPlugins = true
        default:
          guard word.hasPrefix("--"), word.count > 2 else {
            throw InputError("command line", found: "'\(word)'", expected: "an option such as --steps 100")
          }
          let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
          let name = String(parts[0])
          if parts.count == 2 {
            assignments.append((name, String(parts[1])))
          } else if let value = rest.popFirst() {
            assignments.append((name, value))
          } else {
            throw InputError("--\(name)", found: "nothing after it", expected: "a value")
          }
        }
      }
      plugins = assignments.filter { $0.name == "plugin" }.map(\.value)
      assignments.removeAll { $0.name == "plugin" }
      if let config = assignments.last(where: { $0.name == "config" }) { settings = try Settings(file: config.value) }
      for (name, value) in assignments where name != "config" {
        if name == "set" { try settings.set(value) } else { try settings.set(shortcut: name, to: value) }
      }
      isBare = assignments.allSatisfy { $0.name == "out" }
    }
  }
}
