import ZerothSupport

extension Methods {
  /// A table with a row for each method, with the setting that was chosen by dev. Scores are given as the mean and the
  /// standard deviation over the seeds, in percent. The paired difference of the test scores from those of the baseline
  /// is given with the 95 percent interval of its mean.
  public var table: ResultTable {
    let notes = rows.map(notes)
    let hasNotes = notes.contains { !$0.isEmpty }
    let isCompared = rows.contains { $0.baseline != nil }
    let difference = isCompared ? [Table.Column.right("test - \(baselineLabel ?? "first")")] : []
    var table = Table(
      (by + chosen).map { .left(VaryingOptions.title($0)) }
        + [.right("zero-shot"), .right("dev"), .right("test")] + difference
        + [.right("seeds"), .right("forwards")] + (hasNotes ? [.left("note")] : []))
    var objects: [JSON] = []
    for (row, notes) in zip(rows, notes) {
      let best = row.best
      let run = best.runs[0]
      let forwards = best.forwards.max()
      table.rows.append(
        row.cells + chosen.map(run.cell)
          + ["zero_shot", "best_dev", "best"].map { best.scores($0).text(best.unit) }
          + (isCompared ? [row.differences.difference(best.unit)] : [])
          + ["\(best.seeds)", forwards.map { "\($0)" } ?? "-"]
          + (hasNotes ? [notes.joined(separator: "; ")] : []))
      objects.append(json(row, forwards: forwards, notes))
    }
    return ResultTable(table: table, rows: objects)
  }

  /// A table with a row for each setting that was tried, one of which was chosen by dev. It has the dev scores of all,
  /// and the test scores only of the chosen setting.
  var tried: Table {
    var table = Table(
      (by + chosen).map { .left(VaryingOptions.title($0)) } + [.right("dev"), .right("seeds"), .left("chosen")])
    for row in rows {
      for setting in row.settings {
        let isBest = setting.runs[0].name == row.best.runs[0].name
        table.rows.append(
          row.cells + chosen.map(setting.runs[0].cell)
            + [setting.scores("best_dev").text(setting.unit), "\(setting.seeds)", isBest ? "yes" : ""])
      }
    }
    return table
  }

  private func json(_ row: Row, forwards: Int?, _ notes: [String]) -> JSON {
    let best = row.best
    var members = (by + chosen).map { JSON.Member(VaryingOptions.title($0), best.runs[0][$0] ?? .null) }
    members += [
      .init("metric", best.runs[0].metric.map { .string($0) } ?? .null),
      .init("zero_shot", best.scores("zero_shot").json), .init("dev", best.scores("best_dev").json),
      .init("test", best.scores("best").json),
    ]
    if let baseline = row.baseline {
      var difference = [JSON.Member("against", .string(rows[baseline].label))]
      if !row.differences.values.isEmpty { difference += row.differences.json.members ?? [] }
      if let half = row.differences.halfInterval {
        difference.append(.init("low", .double(row.differences.mean - half)))
        difference.append(.init("high", .double(row.differences.mean + half)))
      }
      members.append(.init("difference", .object(difference)))
    }
    members += [
      .init("seeds", .int(best.seeds)), .init("forwards", forwards.map { .int($0) } ?? .null),
      .init("runs", .array(best.runs.map { .string($0.name) })),
      .init(
        "tried",
        .array(
          row.settings.map { setting in
            .object(
              chosen.map { .init(VaryingOptions.title($0), setting.runs[0][$0] ?? .null) }
                + [.init("dev", setting.scores("best_dev").json)])
          })),
      .init("notes", .array(notes.map { .string($0) })),
    ]
    return .object(members)
  }

  /// Notes that belong to a row.
  private func notes(_ row: Row) -> [String] {
    var notes: [String] = []
    let runs = row.settings.flatMap(\.runs)
    let failed = runs.count { if case .failed = $0.state { true } else { false } }
    let open = runs.count { !$0.isFinished } - failed
    if failed > 0 { notes.append("\(failed) of \(runs.count) runs failed") }
    if open > 0 { notes.append("\(open) of \(runs.count) runs not finished") }
    let diverged = row.best.runs.count { $0.stateWords == "diverged" }
    if diverged > 0 { notes.append("\(diverged) diverged") }
    if diverged == 0, let least = row.best.forwards.min(), let most = row.best.forwards.max(), least < most {
      notes.append("\(least) to \(most) forwards")
    }
    return notes
  }
}
