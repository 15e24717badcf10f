import ZerothRecords
import ZerothSupport

/// The loss and the dev score of methods on one problem during training. Each method has a line, for its chosen
/// setting.
struct LearningCurves {
  /// A method: its name, its index among all, and its runs.
  private struct Line {
    let label: String
    let style: Int
    let traces: [Trace]
  }

  private let id: String
  private let metric: String
  private let lines: [Line]

  /// The parts of a run over which smoothing averages, and their names.
  private static let windows: [(part: Double, words: String)] = [(0, "none"), (0.05, "some"), (0.2, "much")]

  /// The curves of `rows`. Throws `InputError` for rows of metrics that are damaged.
  init(_ rows: [(style: Int, row: Methods.Row)], id: String, metric: String) throws(InputError) {
    self.id = id
    self.metric = metric
    lines = try rows.map { style, row throws(InputError) in
      var traces: [Trace] = []
      for run in row.best.runs { traces.append(try Trace(run)) }
      return Line(label: row.label, style: style, traces: traces)
    }
  }

  /// The mean of a value over the seeds, with its band.
  private func series(
    _ line: Line, _ points: [MeanPoint], _ spent: Spent, scale: Double = 1
  ) -> Chart.Series {
    Chart.Series(
      name: line.label, style: line.style,
      points: points.map { point in
        let mean = scale * point.sample.mean
        let spread = point.sample.standardDeviation.map { scale * $0 }
        return Chart.Point(
          x: point.place(spent), y: mean, low: spread.map { mean - $0 }, high: spread.map { mean + $0 },
          note: "after \(Int(point.step)) steps, over \(point.sample.values.count) seeds".singular)
      })
  }

  /// The measures of cost that the records contain.
  private var spent: [Spent] {
    Spent.allCases.filter { spent in
      lines.contains { line in
        line.traces.contains {
          $0.losses.contains { point in
            spent != .tokens || point.tokens.isFinite
          }
        }
      }
    }
  }

  /// The loss on mini-batches; nil where no step is recorded.
  var loss: Figure? {
    let spent = spent
    guard !spent.isEmpty else { return nil }
    let curves = Self.windows.map { window in
      lines.map { MeanPoint.curve($0.traces.map(\.losses), window: window.part) }
    }
    var charts: [(picks: [Int], chart: Chart)] = []
    for (x, spent) in spent.enumerated() {
      for (axes, scale) in ScaleKind.allCases.enumerated() {
        for (w, window) in Self.windows.enumerated() {
          let series = zip(lines, curves[w]).map { self.series($0, $1, spent) }
          charts.append(
            (
              [x, axes, w],
              Chart(
                title: "Loss in training",
                summary: "The mean loss of mini-batches against \(spent.title), a line for each method, smoothing "
                  + "\(window.words), \(scale.rawValue) axes.",
                xLabel: spent.title, yLabel: "loss", xName: spent.rawValue, yName: "loss", xScale: scale,
                yScale: scale, series: series)
            ))
        }
      }
    }
    return Figure(
      kind: .loss, id: "\(id)-loss",
      caption:
        "The mean loss on the mini-batches of training, at the points that were measured around theta. Lines are means over "
        + "seeds, bands one standard deviation to each side. Without smoothing a point is the mean of the steps since the one "
        + "before it; some and much smoothing take 5% and 20% of the run around it.",
      choices: [
        .init(title: "Against", options: spent.map(\.rawValue)),
        .init(title: "Axes", options: ScaleKind.allCases.map(\.rawValue)),
        .init(title: "Smoothing", options: Self.windows.map(\.words)),
      ],
      charts: charts, table: table("loss", curves[0], scale: 1))
  }

  /// The dev score; nil where none is recorded.
  var score: Figure? {
    let spent = spent
    let curves = lines.map { MeanPoint.each($0.traces.map(\.scores)) }
    let unit = ScoreUnit(of: metric)
    let percent = unit == .share ? " in percent" : ""
    guard !spent.isEmpty, curves.contains(where: { !$0.isEmpty }) else { return nil }
    var charts: [(picks: [Int], chart: Chart)] = []
    for (x, spent) in spent.enumerated() {
      for (axes, scale) in ScaleKind.allCases.enumerated() {
        let series = zip(lines, curves).map { self.series($0, $1, spent, scale: unit.scale) }
        charts.append(
          (
            [x, axes],
            Chart(
              title: "Score on dev",
              summary:
                "\(metric) on dev\(percent) against \(spent.title), a line for each method, \(scale.rawValue) axis.",
              xLabel: spent.title, yLabel: "\(metric) on dev\(unit == .share ? ", %" : "")", xName: spent.rawValue,
              yName: metric, xScale: scale,
              series: series)
          ))
      }
    }
    return Figure(
      kind: .score, id: "\(id)-score",
      caption:
        "\(metric.capitalizedFirst) on dev\(percent), which chooses the model that is tested. Lines are means over seeds, "
        + "bands one standard deviation to each side. A logarithmic axis has no place for the model before the first step.",
      choices: [
        .init(title: "Against", options: spent.map(\.rawValue)),
        .init(title: "Axis", options: ScaleKind.allCases.map(\.rawValue)),
      ],
      charts: charts, table: table("\(metric)\(unit.mark)", curves, scale: unit.scale))
  }

  private func table(_ value: String, _ curves: [[MeanPoint]], scale: Double) -> Table {
    var table = Table([
      .left("method"), .right("step"), .right("forwards"), .right("tokens"), .right("seconds"), .right(value),
      .right("sd"), .right("seeds"),
    ])
    for (line, curve) in zip(lines, curves) {
      for point in curve {
        table.rows.append(
          [line.label]
            + [point.step, point.forwards, point.tokens, point.seconds, scale * point.sample.mean].map {
              $0.isFinite ? Chart.exact($0) : "-"
            } + [
              point.sample.standardDeviation.map { Chart.exact(scale * $0) } ?? "-", "\(point.sample.values.count)",
            ])
      }
    }
    return table
  }
}

extension String {
  /// The text with `over 1 seed` in place of `over 1 seeds`.
  fileprivate var singular: String { hasSuffix("over 1 seeds") ? String(dropLast()) : self }

  fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
