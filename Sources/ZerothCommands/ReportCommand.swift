import ArgumentParser
import Foundation
import ZerothReport
import ZerothSupport

struct ReportCommand: ParsableCommand {
  enum Format: String, CaseIterable, ExpressibleByArgument {
    case html, svg, png
  }

  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "report",
      abstract: "Write a page about runs, with tables and figures, or one figure.",
      discussion: """
        The page is one file that asks for no other and for no network: tables, learning curves, the values that were tried, how \
        far layers moved (of runs with run.layers), the configuration, and what went wrong.
        """)
  }

  @OptionGroup var compared: ComparedRunsOptions
  @Option(help: "The file that is written. Required.", completion: .file(extensions: ["html", "svg", "png"]))
  var out: String
  @Option(
    help: "html for the page; svg or png for one figure, png by Chromium, which has to be installed. Default: html.")
  var format: Format?
  @Option(
    help: "The figure of --format svg or png: loss, score, tried, distance or ratio. Default: the first there is.")
  var figure: String?
  @Option(
    name: .customLong("choose"), parsing: .singleValue,
    help: ArgumentHelp(
      "What the figure shows: forwards, tokens or seconds; linear or logarithmic; none, some or much smoothing. May be given more "
        + "than once. Default: the first of each.",
      valueName: "word"))
  var choices: [String] = []
  @OptionGroup var output: OutputOptions

  func run() throws {
    let format = format ?? .html
    if format == .html, let option = figure != nil ? "--figure" : choices.isEmpty ? nil : "--choose" {
      throw InputError(option, found: "no --format svg or png", expected: "one of them: the page has all figures")
    }
    let browser = format == .png ? try Chromium() : nil
    let runs = try RecordedRuns.read(compared.folders)
    for files in runs.map(\.files) {
      for input in [files.record, files.metrics, files.trajectory] where input.isSameFile(as: out) {
        throw InputError("--out", found: "'\(out.excerpt)', a file of a run that is read", expected: "another file")
      }
    }
    let report = try Report(runs, by: compared.keys, against: compared.against)
    switch format {
    case .html: try AtomicFile.write(report.html, to: out)
    case .svg: try AtomicFile.write(report.figure(figure, choices: choices), to: out)
    case .png: try browser?.draw(report.figure(figure, choices: choices), to: out)
    }
    output.print(
      [
        "out": .string(out), "format": .string(format.rawValue), "runs": .int(report.runCount),
        "figures": .array(report.figureNames.map { .string($0) }),
      ],
      text: "\(out): \(report.runCount) runs, \(format == .html ? "figures" : "one of the figures"): "
        + report.figureNames.joined(separator: ", "))
  }
}
