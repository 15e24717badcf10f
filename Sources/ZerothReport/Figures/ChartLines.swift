/// A form of charts for other modules of this package.
extension Chart {
  /// A point of a line.
  package struct Place: Sendable {
    let point: Point

    /// The point (x, y), with a band from `low` to `high` and a note.
    package init(_ x: Double, _ y: Double, low: Double? = nil, high: Double? = nil, note: String = "") {
      point = Point(x: x, y: y, low: low, high: high, note: note)
    }
  }

  /// A line with a name.
  package struct Line: Sendable {
    let name: String
    let points: [Place]

    /// The line called `name` through `points`.
    package init(name: String, points: [Place]) {
      self.name = name
      self.points = points
    }
  }

  /// A chart of `lines` with axes called `x` and `y`. Where the points are not joined, the spread is drawn at each
  /// point.
  package init(
    title: String, summary: String, x: String, y: String, xScale: ScaleKind = .linear, yScale: ScaleKind = .linear,
    isJoined: Bool = true, isWhole: Bool = false, lines: [Line]
  ) {
    self.init(
      title: title, summary: summary, xLabel: x, yLabel: y, xName: x, yName: y, xScale: xScale, yScale: yScale,
      isJoined: isJoined, showsSpread: !isJoined, isWhole: isWhole,
      series: lines.enumerated().map { style, line in
        Series(name: line.name, style: style, points: line.points.map(\.point))
      })
  }

  /// Whether the chart has a point to draw.
  package var hasPoints: Bool { series.contains { $0.points.contains { $0.x.isFinite && $0.y.isFinite } } }

  /// The chart as an SVG file.
  package var file: String { ChartMarkup(self).file }
}
