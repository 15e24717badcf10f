import Foundation
import ZerothSupport

/// A chart as SVG.
struct ChartMarkup {
  private let chart: Chart
  private let x, y: Scale

  /// The positions of its parts, in pixels.
  static let width = 720.0
  static let height = 400.0
  private let left = 80.0
  private let right = Self.width - 20
  private let bottom = Self.height - 52
  private let top: Double
  /// The lines that have a point, and the number of their names in a row of the legend.
  private let shown: [Chart.Series]
  private let legendColumns: Int

  init(_ chart: Chart) {
    self.chart = chart
    shown = chart.series.filter { !$0.points.isEmpty }
    let points = shown.flatMap(\.points)
    x = Scale(chart.xScale, points.map(\.x), isWhole: chart.isWhole)
    y = Scale(chart.yScale, points.flatMap { [$0.y, $0.low ?? .nan, $0.high ?? .nan] }, isPadded: true)
    legendColumns = (shown.map(\.name.count).max() ?? 0) <= 16 ? 4 : 3
    top = 20 + 20 * Double((shown.count + legendColumns - 1) / legendColumns)
  }

  /// The chart as an element of a page, with the unique name `id`.
  func element(id: String) -> String {
    """
    <svg class="chart" role="img" viewBox="0 0 \(Int(Self.width)) \(Int(Self.height))" \
    aria-labelledby="\(id)-t \(id)-d">
    \(content(id))</svg>

    """
  }

  /// The chart as a separate file.
  var file: String {
    let (width, height) = (Int(Self.width), Int(Self.height))
    return """
      <svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" width="\(width)" height="\(height)" \
      viewBox="0 0 \(width) \(height)" aria-labelledby="f-t f-d">
      <style>
      \(ChartStyle.css)
      </style>
      <rect class="ground" width="\(width)" height="\(height)"/>
      \(content("f"))</svg>

      """
  }

  private func content(_ id: String) -> String {
    var svg = "<title id=\"\(id)-t\">\(Markup.escape(chart.title))</title>\n"
    svg += "<desc id=\"\(id)-d\">\(Markup.escape(chart.summary))</desc>\n"
    svg += axes
    for series in shown { svg += marks(series) }
    for (index, series) in shown.enumerated() { svg += legend(series, index) }
    return svg
  }

  private var axes: String {
    var svg = ""
    for tick in y.ticks {
      guard let at = yPlace(tick) else { continue }
      svg += "<line class=\"grid\" x1=\"\(px(left))\" x2=\"\(px(right))\" y1=\"\(px(at))\" y2=\"\(px(at))\"/>"
      svg += "<text class=\"tick end\" x=\"\(px(left - 8))\" y=\"\(px(at + 4))\">\(y.label(tick))</text>\n"
    }
    for tick in x.ticks {
      guard let at = xPlace(tick) else { continue }
      svg += "<line class=\"axis\" x1=\"\(px(at))\" x2=\"\(px(at))\" y1=\"\(px(bottom))\" y2=\"\(px(bottom + 5))\"/>"
      svg += "<text class=\"tick mid\" x=\"\(px(at))\" y=\"\(px(bottom + 19))\">\(x.label(tick))</text>\n"
    }
    svg += "<line class=\"axis\" x1=\"\(px(left))\" x2=\"\(px(right))\" y1=\"\(px(bottom))\" y2=\"\(px(bottom))\"/>\n"
    return svg
      + "<text class=\"label mid\" x=\"\(px((left + right) / 2))\" y=\"\(px(Self.height - 10))\">"
      + "\(Markup.escape(chart.xLabel))</text>\n"
      + "<text class=\"label mid\" transform=\"translate(16 \(px((top + bottom) / 2))) rotate(-90)\">"
      + "\(Markup.escape(chart.yLabel))</text>\n"
  }

  private func marks(_ series: Chart.Series) -> String {
    // Spreads at the same x are drawn side by side.
    let index = Double(shown.firstIndex { $0.style == series.style } ?? 0)
    let aside = chart.showsSpread ? 6 * (index - Double(shown.count - 1) / 2) : 0
    let points = series.points.compactMap { point -> (point: Chart.Point, x: Double, y: Double)? in
      guard let x = xPlace(point.x), let y = yPlace(point.y) else { return nil }
      return (point, x + aside, y)
    }
    let edges = points.compactMap { mark -> (x: Double, low: Double, high: Double)? in
      guard let low = mark.point.low, let high = mark.point.high else { return nil }
      // On a logarithmic axis, a band that reaches below it ends at its foot.
      return (mark.x, yPlace(low) ?? bottom, yPlace(high) ?? bottom)
    }
    var svg = "<g class=\"series \(ChartStyle.name(series.style))\">\n"
    if chart.showsSpread {
      for edge in edges {
        svg += "<path class=\"spread\" d=\"M\(px(edge.x)) \(px(edge.low))V\(px(edge.high))\"/>\n"
      }
    } else if edges.count > 1 {
      let corners = edges.map { ($0.x, $0.high) } + edges.reversed().map { ($0.x, $0.low) }
      svg += "<path class=\"band\" d=\"\(path(corners))Z\"/>\n"
    }
    if chart.isJoined, points.count > 1 { svg += "<path class=\"line\" d=\"\(path(points.map { ($0.x, $0.y) }))\"/>\n" }
    // Where a line has many points, they are not drawn. A point appears under the pointer.
    let kind = chart.isJoined && points.count > 15 ? "quiet" : "dot"
    for mark in points {
      svg += "<circle class=\"\(kind)\" cx=\"\(px(mark.x))\" cy=\"\(px(mark.y))\" r=\"4\">"
      svg += "<title>\(Markup.escape(chart.words(mark.point, of: series)))</title></circle>\n"
    }
    return svg + "</g>\n"
  }

  private func legend(_ series: Chart.Series, _ index: Int) -> String {
    let column = (right - left) / Double(legendColumns)
    let at = left + Double(index % legendColumns) * column
    let y = 16 + 20 * Double(index / legendColumns)
    let name = series.name.count > 28 ? series.name.prefix(27) + "…" : series.name[...]
    return "<g class=\"series \(ChartStyle.name(series.style))\">"
      + "<path class=\"line\" d=\"M\(px(at)) \(px(y))h24\"/>"
      + "<text class=\"label\" x=\"\(px(at + 30))\" y=\"\(px(y + 4))\">\(Markup.escape(String(name)))</text></g>\n"
  }

  private func xPlace(_ value: Double) -> Double? { x.place(value).map { left + $0 * (right - left) } }
  private func yPlace(_ value: Double) -> Double? { y.place(value).map { bottom - $0 * (bottom - top) } }

  private func path(_ points: [(Double, Double)]) -> String {
    points.enumerated().map { "\($0 == 0 ? "M" : "L")\(px($1.0)) \(px($1.1))" }.joined()
  }

  /// A position, to a tenth of a pixel.
  private func px(_ value: Double) -> String { String(format: "%.1f", value) }
}
