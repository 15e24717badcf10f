import Foundation
import ZerothSupport

/// A chart with lines, some of which have a band around them.
public struct Chart: Sendable {
  /// One point of a line.
  struct Point: Sendable {
    let x, y: Double
    /// The band at this point; nil for none.
    var low: Double?
    var high: Double?
    /// A note about the point, such as the number of seeds over which it is a mean.
    var note = ""
  }

  /// One line.
  struct Series: Sendable {
    let name: String
    /// The index of its colour.
    let style: Int
    var points: [Point]
  }

  /// The title, and a summary in one sentence.
  let title, summary: String
  /// The labels of the axes, with units.
  let xLabel, yLabel: String
  /// The names of the values in tables and readouts.
  let xName, yName: String
  var xScale = ScaleKind.linear
  var yScale = ScaleKind.linear
  /// Whether the points of a line are joined.
  var isJoined = true
  /// Whether each point shows its own spread. Otherwise the line has a band.
  var showsSpread = false
  /// Whether the x are whole numbers, such as the numbers of layers.
  var isWhole = false
  let series: [Series]

  /// The value with six significant digits.
  static func exact(_ value: Double) -> String { String(format: "%.6g", value) }

  /// The text of a point, for the readout.
  func words(_ point: Point, of series: Series) -> String {
    var words = "\(series.name): \(yName) \(Self.exact(point.y))"
    if let low = point.low, let high = point.high { words += ", \(Self.exact(low)) to \(Self.exact(high))" }
    words += " at \(xName) \(Self.exact(point.x))"
    return point.note.isEmpty ? words : "\(words) (\(point.note))"
  }

  /// The values of its points as a table.
  var table: Table {
    let hasBand = series.contains { $0.points.contains { $0.low != nil } }
    var table = Table(
      [.left("method"), .right(xName), .right(yName)] + (hasBand ? [.right("from"), .right("to")] : [])
        + [.left("note")])
    for series in series {
      for point in series.points {
        let band = hasBand ? [point.low.map(Self.exact) ?? "-", point.high.map(Self.exact) ?? "-"] : []
        table.rows.append([series.name, Self.exact(point.x), Self.exact(point.y)] + band + [point.note])
      }
    }
    return table
  }
}
