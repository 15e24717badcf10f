import ArgumentParser
import Foundation
import Zeroth
import ZerothDiagnostics
import ZerothSupport
import ZerothTraining

struct Diagnose: ParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      abstract: "Compare a run's estimates with exact gradients, layer by layer, and say why it gets on or does not.",
      usage: """
        \(ZerothTool.name) diagnose --run RUN [--run RUN ...] [--every N] [options]
        \(ZerothTool.name) diagnose --config FILE [--set TABLE.KEY=VALUE ...] [--every N] [options]
        """,
      discussion: """
        A run on record is made again from its losses, and looked at before its first step, every so many steps and after its last. A \
        configuration is looked at before its first step; with --every its steps are made. Nothing is written but figures. The \
        parts are: \(DiagnosisPart.allCases.map { "\($0.rawValue), \($0.summary)" }.joined(separator: "; ")).
        """)
  }

  @Option(
    name: .customLong("run"), parsing: .singleValue,
    help: ArgumentHelp(
      "The folder of a run; may be given more than once. Default: none, the configuration.", valueName: "run"),
    completion: .directory)
  var folders: [String] = []
  @Option(parsing: .unconditional, help: "Steps between two looks. Default: the first and the last alone.")
  var every: Int?
  @Option(
    help: ArgumentHelp(
      "What is asked, separated by commas: \(DiagnosisPart.allCases.map(\.rawValue).joined(separator: ", ")). Default: all.",
      valueName: "parts"))
  var only: String?
  @Option(parsing: .unconditional, help: "Mini-batches whose gradients are taken.")
  var batches = Effort().batches
  @Option(parsing: .unconditional, help: "Directions along which slopes are measured.")
  var directions = Effort().directions
  @Option(
    help:
      "The matrices whose gradients' singular values are computed. Default: queries and values or, where those are not trained, all that are."
  )
  var blocks: String?
  @Option(
    help: "A folder for a figure of each part, as SVG. Default: none.", completion: .directory)
  var figures: String?
  @OptionGroup var arguments: SettingArguments
  @OptionGroup var plugins: PluginOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    if ZerothTool.arguments == ["diagnose"] { throw CleanExit.helpRequest(self) }
    let request = try request()
    if let figures { try requirePlace(figures) }
    let registry = try plugins.registry()
    let toolbox = ZerothTool.toolbox
    let settings = try arguments.settings(ZerothTool.arguments)
    let runs: [(name: String, run: DiagnosedRun)]
    if folders.isEmpty {
      let configuration = try RunConfiguration(settings, registry, tasks: toolbox.tasks, families: toolbox.families)
      runs = [("", DiagnosedRun(configuration, registry: registry))]
    } else {
      try requireNoConfiguration()
      runs = try folders.map { folder in
        (
          folder,
          try DiagnosedRun(
            recordedIn: folder, overrides: settings, registry: registry, tasks: toolbox.tasks,
            families: toolbox.families)
        )
      }
    }
    let found = try runs.map { name, run in
      try run.diagnose(request) { StandardStreams.tell("\(name.isEmpty ? "" : "\(name): ")\($0.printable())\n") }
    }
    var written: [String] = []
    if let figures {
      for figure in found.figures {
        let path = figures.appendingFile("\(figure.name).svg")
        try AtomicFile.write(figure.svg, to: path)
        written.append(path)
      }
    }
    output.print(
      ["runs": .array(found.map(\.json)), "figures": .array(written.map { .string($0) })],
      text: found.map(\.text).joined(separator: "\n") + (written.isEmpty ? "" : "\n" + written.joined(separator: "\n")))
  }

  private func request() throws(InputError) -> DiagnosedRun.Request {
    var parts = Set(DiagnosisPart.allCases)
    if let only {
      parts = []
      for word in only.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
        guard let part = DiagnosisPart(rawValue: word) else {
          throw InputError(
            "--only", found: "'\(word)'",
            expected: Suggestion.expected(for: word, among: DiagnosisPart.allCases.map(\.rawValue)))
        }
        parts.insert(part)
      }
    }
    try Effort.batchesRange.require("--batches", batches)
    try Effort.directionsRange.require("--directions", directions)
    if let every { try require("--every", every, "at least 1") { $0 >= 1 } }
    return DiagnosedRun.Request(
      parts: parts, every: every, effort: Effort(batches: batches, directions: directions),
      matrices: try blocks.map { text throws(InputError) in try BlockSelection(parsing: text) })
  }

  /// Throws if a configuration is given together with `--run`: the run has its own configuration.
  private func requireNoConfiguration() throws(InputError) {
    let movable: Set = ["model", "data", "test-data", "threads", "peft"]
    let others = arguments.given.filter { movable.isDisjoint(with: $0.shortcut.names) }
    guard
      let option = arguments.config.map({ _ in "--config" })
        ?? (arguments.assignments.isEmpty ? nil : "--set") ?? others.first.map({ "--\($0.shortcut.names[0])" })
    else { return }
    throw InputError(option, found: "it with --run", expected: "one of them: a run has its own configuration")
  }

  private func requirePlace(_ folder: String) throws(InputError) {
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw InputError("--figures '\(folder)'", found: "a folder that cannot be made", expected: "a place to write to")
    }
  }
}
