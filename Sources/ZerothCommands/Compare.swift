import ArgumentParser
import ZerothReport
import ZerothSupport

struct Compare: ParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      abstract: "Put runs into one table: what differs between them, and what came of it.",
      discussion: """
        Without --by each run has a row. With it, runs that differ by their seeds alone are one setting, dev chooses among the \
        settings of a row, and the row says mean and standard deviation over the seeds, and the difference from the baseline \
        by seed with the interval of 95 percent of its mean.
        """)
  }

  @OptionGroup var compared: ComparedRunsOptions
  @Flag(
    help: ArgumentHelp(
      "With --by: compare losses on dev in place of scores, and say how many forward passes a row takes to the loss and the score that the "
        + "baseline ends with."))
  var passes = false
  @Flag(help: "Print the table as Markdown.") var markdown = false
  @Flag(help: "Print every number in full as comma-separated values.") var csv = false
  @Flag(help: "Print the table as LaTeX, for the package booktabs.") var latex = false
  @OptionGroup var output: OutputOptions

  func run() throws {
    let formats = [("--json", output.json), ("--markdown", markdown), ("--csv", csv), ("--latex", latex)]
    let given = formats.filter(\.1).map(\.0)
    try require("format", given.joined(separator: " and "), "one of --json, --markdown, --csv, --latex") { _ in
      given.count < 2
    }
    for (option, isGiven) in [("--against", compared.against != nil), ("--passes", passes)] where isGiven {
      guard compared.by != nil else {
        throw InputError(option, found: "no --by", expected: "--by, which makes rows that are compared")
      }
    }
    let runs = try RecordedRuns.read(compared.folders)
    let result = try table(of: runs)
    let table = result.table
    output.print(
      result.json, text: markdown ? table.markdown : csv ? result.csv : latex ? table.latex : table.text)
  }

  private func table(of runs: [RecordedRun]) throws -> ResultTable {
    guard compared.by != nil else { return ResultTable(of: runs) }
    let methods = try Methods(runs, by: compared.keys, against: compared.against)
    return try passes ? methods.passesTable() : methods.table
  }
}
