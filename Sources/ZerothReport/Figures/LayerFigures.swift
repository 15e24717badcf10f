import ZerothRecords
import ZerothSupport

/// How far the layers of a model have moved, and by which factors an adapter scaled them, where runs recorded this
/// (`run.layers`).
struct LayerFigures {
  /// The last recorded row of a run about its blocks.
  private typealias Last = (run: RecordedRun, row: MetricsRow.Layers)

  private let id: String
  private let lines: [(label: String, style: Int, last: [Last])]

  /// The figures of `rows`. Throws `InputError` for rows of metrics that are damaged.
  init(_ rows: [(style: Int, row: Methods.Row)], id: String) throws(InputError) {
    self.id = id
    var lines: [(label: String, style: Int, last: [Last])] = []
    for (style, row) in rows {
      var last: [Last] = []
      for run in row.best.runs {
        let layers = try run.metrics().compactMap { if case .layers(let row) = $0 { row } else { nil } }
        if let row = layers.last { last.append((run, row)) }
      }
      if !last.isEmpty { lines.append((row.label, style, last)) }
    }
    self.lines = lines
  }

  /// sqrt(sum over the blocks of a layer of ||theta_l - theta_0,l||^2) after the last recorded step; nil where no row
  /// is recorded.
  var distance: Figure? {
    let series = lines.map { line in
      self.series(line.label, line.style, line.last) { blocks in
        blocks.reduce(0) { $0 + $1.distance * $1.distance }.squareRoot()
      }
    }.filter { !$0.points.isEmpty }
    guard !series.isEmpty else { return nil }
    let chart = Chart(
      title: "Distance from the start, by layer",
      summary: "How far the parameters of each layer are from where training began, a line for each method.",
      xLabel: "layer", yLabel: "distance from theta_0", xName: "layer", yName: "distance", isWhole: true, series: series
    )
    return Figure(
      kind: .distance, id: "\(id)-distance",
      caption:
        "The Euclidean distance of each layer's trained blocks from theta_0 after the last evaluation: means over seeds, bands "
        + "one standard deviation to each side. Embeddings and the final norm belong to no layer and are left out.",
      choices: [], charts: [([], chart)], table: chart.table)
  }

  /// The factors by which the adapter last scaled or projected blocks, with a line for each role; nil where none are
  /// recorded.
  var ratio: Figure? {
    var series: [Chart.Series] = []
    for line in lines {
      let roles = line.last.flatMap { last in
        last.run.blocks.filter { block in last.row.blocks.contains { $0.name == block.name && $0.ratio != nil } }
      }.map(\.role)
      for role in roles.unique {
        let found = self.series("\(line.label), \(role)", series.count, line.last, role: role) { blocks in
          let ratios = blocks.compactMap(\.ratio)
          return ratios.isEmpty ? .nan : ratios.reduce(0, +) / Double(ratios.count)
        }
        if !found.points.isEmpty { series.append(found) }
      }
    }
    guard !series.isEmpty else { return nil }
    let chart = Chart(
      title: "Ratios of the adapter, by layer",
      summary: "The factor by which the adapter last scaled each layer, a line for each method and role of blocks.",
      xLabel: "layer", yLabel: "ratio", xName: "layer", yName: "ratio", isWhole: true, series: series)
    return Figure(
      kind: .ratio, id: "\(id)-ratio",
      caption:
        "The ratio by which the adapter last scaled the distance of a block from theta_0, or its learning rate: means over "
        + "seeds, bands one standard deviation to each side. 1 leaves a block as it is.",
      choices: [], charts: [([], chart)], table: chart.table)
  }

  /// A value of the blocks of each layer, averaged over the runs.
  private func series(
    _ name: String, _ style: Int, _ last: [Last], role: String? = nil,
    _ value: ([MetricsRow.Layers.Block]) -> Double
  ) -> Chart.Series {
    var values: [Int: [Double]] = [:]
    for (run, row) in last {
      let layers = Dictionary(
        run.blocks.filter { role == nil || $0.role == role }.compactMap { block in
          block.layer.map { (block.name, $0) }
        }, uniquingKeysWith: { $1 })
      for (layer, blocks) in Dictionary(grouping: row.blocks, by: { layers[$0.name] }) {
        guard let layer else { continue }
        let number = value(blocks)
        if number.isFinite { values[layer, default: []].append(number) }
      }
    }
    return Chart.Series(
      name: name, style: style,
      points: values.sorted { $0.key < $1.key }.map { layer, values in
        let sample = Sample(values)
        let spread = sample.standardDeviation
        return Chart.Point(
          x: Double(layer), y: sample.mean, low: spread.map { sample.mean - $0 }, high: spread.map { sample.mean + $0 },
          note: "\(values.count) \(values.count == 1 ? "seed" : "seeds")")
      })
  }
}
