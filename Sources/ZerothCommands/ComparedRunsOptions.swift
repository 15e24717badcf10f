import ArgumentParser
import ZerothReport

/// The options that choose the runs to compare, and how they are grouped.
struct ComparedRunsOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp("Folders of runs, or folders with runs below. Required.", valueName: "run"),
    completion: .directory)
  var folders: [String]
  @Option(
    help: ArgumentHelp(
      "One row, and one line of a figure, for each value of these options, separated by commas, such as optimizer, or for each case "
        + "of a sweep; auto for the method and the problem. Default: auto; of compare, a row for each run.",
      valueName: "keys"))
  var by: String?
  @Option(
    help: ArgumentHelp(
      "The row that others are compared with, by one of its values. Default: mezo, or else the first.",
      valueName: "value"))
  var against: String?

  /// The names of the options by which runs are grouped; nil to group them by method and problem.
  var keys: [String]? { by == "auto" ? nil : by?.split(separator: ",").map(String.init) }
}
