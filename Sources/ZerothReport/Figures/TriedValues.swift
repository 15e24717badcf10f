import ZerothSupport

/// The dev scores for the values of an option that were tried, such as the learning rate. Each method has a line.
enum TriedValues {
  /// A figure for each option that has several numbers among `rows`.
  static func figures(
    _ methods: Methods, _ rows: [(style: Int, row: Methods.Row)], id: String, metric: String
  ) -> [Figure] {
    methods.chosen.enumerated().compactMap { index, key in
      figure(key, index, methods, rows, id: id, metric: metric)
    }
  }

  private static func figure(
    _ key: String, _ index: Int, _ methods: Methods, _ rows: [(style: Int, row: Methods.Row)], id: String,
    metric: String
  ) -> Figure? {
    let title = VaryingOptions.title(key)
    let others = methods.chosen.filter { $0 != key }
    let unit = ScoreUnit(of: metric)
    let series = rows.map { style, row in
      Chart.Series(
        name: row.label, style: style,
        points: row.settings.compactMap { setting -> Chart.Point? in
          let sample = Sample(setting.scores("best_dev").values.map { unit.scale * $0 })
          guard let value = setting.runs[0][key]?.double, !sample.values.isEmpty else { return nil }
          let more = others.map { "\(VaryingOptions.title($0)) \(setting.runs[0].cell($0))" }
          let seeds = "\(sample.values.count) \(sample.values.count == 1 ? "seed" : "seeds")"
          return Chart.Point(
            x: value, y: sample.mean, low: sample.standardDeviation.map { sample.mean - $0 },
            high: sample.standardDeviation.map { sample.mean + $0 },
            note: (more + [seeds] + (setting.isSame(as: row.best) ? ["chosen"] : [])).joined(separator: ", "))
        }.sorted { $0.x < $1.x })
    }.filter { !$0.points.isEmpty }
    let values = Set(series.flatMap(\.points).map(\.x))
    guard values.count > 1, let low = values.min(), let high = values.max() else { return nil }
    // Where other options vary too, several settings have the same value of this one.
    let isLine = series.allSatisfy { Set($0.points.map(\.x)).count == $0.points.count }
    let chart = Chart(
      title: "Score on dev by \(title)",
      summary:
        "The best \(metric) on dev\(unit == .share ? " in percent" : "") of each \(title) that was tried, for each method.",
      xLabel: title, yLabel: "best \(metric) on dev\(unit == .share ? ", %" : "")", xName: title, yName: metric,
      xScale: low > 0 && high >= 4 * low ? .log : .linear, isJoined: isLine, showsSpread: true, series: series)
    return Figure(
      kind: .tried, id: "\(id)-tried\(index)",
      caption:
        "The best \(metric) on dev of every \(title) that was tried: means over seeds, and one standard deviation to each "
        + "side, drawn side by side. Dev chooses among them; test scores of the others are not looked at.",
      choices: [], charts: [([], chart)], table: chart.table)
  }
}

extension Methods.Setting {
  fileprivate func isSame(as other: Methods.Setting) -> Bool { runs[0].files.folder == other.runs[0].files.folder }
}
