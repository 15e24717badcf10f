import ZerothSupport

extension Methods {
  /// A table with a row for each method, with the setting whose final loss on dev has the lowest mean. It gives this
  /// loss and its paired difference from that of the baseline. It also gives after how many forward passes the dev
  /// loss, and the dev score, first reach the final values of the baseline.
  ///
  /// Passes are given in percent of those of the baseline, as the mean over the seeds with the 95 percent interval.
  /// Between two evaluations they are interpolated. Where some seeds do not reach the value, the table says how many
  /// do. Throws `InputError` for metrics that are damaged.
  public func passesTable() throws(InputError) -> ResultTable {
    var races: [Race] = []
    for row in rows { races.append(try Race(row)) }
    var table = Table(
      (by + chosen).map { .left(VaryingOptions.title($0)) }
        + [
          .right("dev loss"), .right("dev loss - \(baselineLabel ?? "the first")"), .right("passes to its loss"),
          .right("passes to its score"),
          .right("seeds"), .right("forwards"),
        ])
    var objects: [JSON] = []
    for (row, race) in zip(rows, races) {
      let base = row.baseline.map { races[$0] } ?? race
      let (differences, losses, scores) = (race.differences(from: base), race.losses(to: base), race.scores(to: base))
      table.rows.append(
        row.cells + chosen.map(race.setting.runs[0].cell)
          + [
            Sample(race.runs.compactMap(\.loss)).text(.cost), row.baseline == nil ? "-" : differences.difference(.cost),
            losses.text, scores.text, "\(race.runs.count)", race.runs.map(\.forwards).max().map { "\(Int($0))" } ?? "-",
          ])
      objects.append(
        .object(
          (by + chosen).map { .init(VaryingOptions.title($0), race.setting.runs[0][$0] ?? .null) }
            + [
              .init("dev_loss", Sample(race.runs.compactMap(\.loss)).json), .init("difference", differences.json),
              .init("passes_to_loss", losses.json), .init("passes_to_score", scores.json),
              .init("seeds", .int(race.runs.count)),
            ]))
    }
    return ResultTable(table: table, rows: objects)
  }
}

/// The dev results of the runs of one method, to be compared with those of the baseline for the same seeds.
private struct Race {
  struct Run {
    let seed: Int
    let trace: Trace
    let unit: ScoreUnit
    /// The final loss on dev; nil where none is recorded.
    var loss: Double? { trace.devLosses.last?.value }
    var forwards: Double { trace.losses.last?.forwards ?? 0 }
  }

  let setting: Methods.Setting
  let runs: [Run]

  /// The setting of `row` with the lowest dev loss, among those with the largest number of seeds.
  init(_ row: Methods.Row) throws(InputError) {
    var best: (setting: Methods.Setting, runs: [Run], loss: Double)?
    for setting in Methods.eligible(row.settings) {
      var runs: [Run] = []
      for run in setting.finished { runs.append(Run(seed: run.seed ?? 0, trace: try Trace(run), unit: setting.unit)) }
      let loss = Sample(runs.compactMap(\.loss)).mean
      if best.map({ loss < $0.loss || $0.loss.isNaN }) ?? true { best = (setting, runs, loss) }
    }
    setting = best?.setting ?? row.best
    runs = best?.runs ?? []
  }

  /// The runs, each with the run of the same seed in `base`.
  private func pairs(_ base: Race) -> [(run: Run, base: Run)] {
    runs.compactMap { run in base.runs.first { $0.seed == run.seed }.map { (run, $0) } }
  }

  /// The final loss minus that of the baseline.
  func differences(from base: Race) -> Sample {
    Sample(pairs(base).compactMap { pair in pair.run.loss.flatMap { loss in pair.base.loss.map { loss - $0 } } })
  }

  /// The passes until the final loss of the baseline is reached.
  func losses(to base: Race) -> Reached {
    reached(base, \.devLosses) { _ in 1 }
  }

  /// The passes until the final score of the baseline is reached.
  func scores(to base: Race) -> Reached {
    reached(base, \.scores) { $0.unit.isBetter(1, than: 0) ? -1 : 1 }
  }

  /// `sign` is chosen so that a smaller product of sign and value is better.
  private func reached(_ base: Race, _ points: (Trace) -> [Trace.Point], _ sign: (Run) -> Double) -> Reached {
    let pairs = pairs(base).filter { !points($0.base.trace).isEmpty && $0.base.forwards > 0 }
    return Reached(
      of: pairs.count,
      parts: pairs.compactMap { pair in
        let sign = sign(pair.run)
        guard let target = points(pair.base.trace).last else { return nil }
        return points(pair.run.trace).forwards(to: sign * target.value, sign).map { $0 / pair.base.forwards }
      })
  }
}

/// The part of the baseline's forward passes after which runs are as good as the baseline at its end.
private struct Reached {
  /// The number of seeds that were compared.
  let of: Int
  /// The part for each seed that reaches the value.
  let parts: [Double]

  /// The text `62% [40, 84]`, or how many seeds reach the value.
  var text: String {
    guard of > 0 else { return "-" }
    guard parts.count == of else { return "\(parts.count) of \(of) seeds" }
    let sample = Sample(parts)
    func percent(_ part: Double) -> String { Human.fixed(100 * part, 0) }
    return percent(sample.mean) + "%"
      + (sample.halfInterval.map { " [\(percent(max(0, sample.mean - $0))), \(percent(sample.mean + $0))]" } ?? "")
  }

  var json: JSON {
    ["seeds": .int(of), "reached": .int(parts.count), "parts": Sample(parts).json]
  }
}

extension [Trace.Point] {
  /// The number of forward passes after which `sign` times the value is at most `target` for the first time; nil where
  /// it never is.
  fileprivate func forwards(to target: Double, _ sign: Double) -> Double? {
    guard let index = firstIndex(where: { sign * $0.value <= target }) else { return nil }
    let found = self[index]
    guard index > 0 else { return found.forwards }
    let before = self[index - 1]
    let way = (target - sign * before.value) / (sign * (found.value - before.value))
    return before.forwards + way * (found.forwards - before.forwards)
  }
}
