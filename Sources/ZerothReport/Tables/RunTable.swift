import ZerothSupport

extension ResultTable {
  /// A table with a row for each run: the options in which the runs differ, the scores by the first metric, and the
  /// cost.
  ///
  /// The scores are that before the first step, that on dev at the best step, and that on test at this step.
  public init(of runs: [RecordedRun]) {
    let keys = VaryingOptions(runs).keys
    let hasStates = runs.contains { $0.state != .complete }
    var table = Table(
      [.left("run")] + keys.map { .left(VaryingOptions.title($0)) }
        + [
          .right("zero-shot"), .right("dev"), .right("test"), .right("best step"), .right("steps"), .right("forwards"),
          .right("time"),
        ] + (hasStates ? [.left("end")] : []))
    var rows: [JSON] = []
    for run in runs {
      func score(_ name: String) -> String { run.score(name).map(run.unit.text) ?? "-" }
      func count(_ name: String) -> String { run.results[name]?.integer.map { "\($0)" } ?? "-" }
      table.rows.append(
        [run.name] + keys.map(run.cell)
          + [
            score("zero_shot"), score("best_dev"), score("best"), count("best_step"), count("steps"),
            count("forwards"), run.results["seconds"]?.double.map(Human.seconds) ?? "-",
          ] + (hasStates ? [run.stateWords] : []))
      var members = [JSON.Member("run", .string(run.name)), .init("folder", .string(run.files.folder))]
      members += keys.map { .init(VaryingOptions.title($0), run[$0] ?? .null) }
      members += [
        .init("state", .string(run.stateWords)), .init("end", run.end.map { .string($0) } ?? .null),
        .init("results", run.results),
      ]
      rows.append(.object(members))
    }
    self.init(table: table, rows: rows)
  }
}
