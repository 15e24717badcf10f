import ZerothRecords
import ZerothReport
import ZerothSupport

extension [RunDiagnosis] {
  /// A figure of each part that was found, as SVG, with the name of its file without an ending.
  public var figures: [(name: String, svg: String)] {
    [
      ("cosine", cosine), ("slope", slope), ("epsilon", epsilon), ("queries", queries), ("distance", distance),
      ("progress", progress), ("ratios", ratios), ("singular-values", singularValues),
    ].compactMap { name, chart in
      guard let chart, chart.hasPoints else { return nil }
      return (name, chart.file)
    }
  }

  /// A line for each run, through the values that `points` gives for the run's points.
  private func lines(
    last: Bool = false, _ points: (PointDiagnosis) -> [Chart.Place]?
  ) -> [Chart.Line] {
    flatMap { run in
      let found = run.points.compactMap { point in points(point).map { (point.step, $0) } }
      return (last ? found.suffix(1) : found[...]).map { step, places in
        Chart.Line(name: last ? run.name : "\(run.name), \(step) steps", points: places)
      }
    }
  }

  private var cosine: Chart? {
    Chart(
      title: "Cosine of an estimate and the gradient, by layer",
      summary: "The mean cosine of an estimate and the gradient of its mini-batch on the blocks of each layer.",
      x: "layer", y: "cosine", isWhole: true,
      lines: lines { point in
        point.estimates?.groups[.layers]?.compactMap { name, quality in
          guard let layer = Double(name), let cosine = quality.cosine else { return nil }
          return Chart.Place(layer, cosine)
        }
      })
  }

  private var slope: Chart? {
    let parts: [(String, KeyPath<MetricsRow.Diagnosis.Slope, Double>)] = [
      ("gradient", \.gradient), ("mini-batch", \.batch), ("epsilon", \.epsilon),
    ]
    return Chart(
      title: "What a measured slope is made of",
      summary:
        "The mean square of a measured slope over the steps: the gradient of all mini-batches, the mini-batch, epsilon.",
      x: "step", y: "mean square", yScale: .log,
      lines: flatMap { run in
        parts.map { name, path in
          Chart.Line(
            name: "\(run.name), \(name)",
            points: run.points.compactMap { point in
              point.estimates.map { Chart.Place(Double(point.step), $0.slope[keyPath: path]) }
            })
        }
      })
  }

  private var epsilon: Chart? {
    Chart(
      title: "Error of a finite difference, by epsilon",
      summary: "How far finite differences are from the slopes along the same directions, over epsilon.",
      x: "epsilon", y: "error / slope", xScale: .log, yScale: .log,
      lines: lines { $0.epsilon?.points.map { Chart.Place($0.epsilon, $0.error) } })
  }

  private var queries: Chart? {
    var lines = lines { $0.queries?.points.map { Chart.Place(Double($0.queries), $0.error) } }
    if let curve = lazy.flatMap(\.points).compactMap(\.queries).first {
      lines.append(
        Chart.Line(
          name: "sqrt((d + 1) / q)",
          points: curve.points.map { Chart.Place(Double($0.queries), curve.law($0.queries)) }))
    }
    return Chart(
      title: "Error of an average over directions",
      summary:
        "How far an average over q directions is from the gradient of its mini-batch, and the law of normal directions.",
      x: "directions q", y: "error / gradient", xScale: .log, yScale: .log, lines: lines)
  }

  private var distance: Chart? {
    Chart(
      title: "Distance from the start, by layer",
      summary: "How far the trained blocks of each layer are from where the run began.",
      x: "layer", y: "distance from theta_0", yScale: .log, isWhole: true,
      lines: lines { $0.movement?.layers.map { Chart.Place(Double($0.layer), $0.distance) } })
  }

  private var progress: Chart? {
    Chart(
      title: "What the change of each layer took off the loss",
      summary: "What the change of each layer's blocks since the start contributes to the loss, to the second order.",
      x: "layer", y: "off the loss", isWhole: true,
      lines: lines(last: true) { point in
        point.movement.map { movement in
          let layers = Dictionary(grouping: movement.blocks.filter { $0.layer != nil }) { $0.layer ?? 0 }
          return layers.sorted { $0.key < $1.key }.map { layer, blocks in
            Chart.Place(Double(layer), blocks.reduce(0) { $0 + $1.progress })
          }
        }
      })
  }

  private var ratios: Chart? {
    Chart(
      title: "Ratios of a projection, block by block",
      summary:
        "The mean ratio of each projected block over searches, and a standard deviation over mini-batches to each side.",
      x: "projected block", y: "ratio", isJoined: false, isWhole: true,
      lines: lines { point in
        point.ratios?.blocks.enumerated().map { place, block in
          let spread = block.overBatches ?? 0
          return Chart.Place(
            Double(place), block.ratio, low: block.ratio - spread, high: block.ratio + spread, note: block.name)
        }
      })
  }

  private var singularValues: Chart? {
    let found = flatMap { run in
      run.points.compactMap { point in point.spectra.map { (run.name, point.step, $0) } }
    }
    guard let (_, step, spectra) = found.last else { return nil }
    return Chart(
      title: "Singular values of the gradient after \(step) steps",
      summary: "The singular values of the gradient of matrices over the largest of each.",
      x: "number", y: "sigma / largest", yScale: .log, isWhole: true,
      lines: spectra.prefix(8).map { spectrum in
        let largest = spectrum.values.first ?? .nan
        return Chart.Line(
          name: spectrum.name,
          points: spectrum.values.enumerated().map { Chart.Place(Double($0 + 1), Swift.max($1 / largest, 1e-8)) })
      })
  }
}
