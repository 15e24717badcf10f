import Foundation
import ZerothSupport

/// Lines over an axis, some with a band around them.
public struct Chart: Sendable {
  /// One point of a line.
  struct Point: Sendable {
    let x, y: Double
    /// The band there; nil for none.
    var low: Double?
    var high: Double?
    /// What is known of it beside its numbers, such as over how many seeds it is a mean.
    var note = ""
  }

  /// One line.
  struct Series: Sendable {
    let name: String
    /// Which of the colours it has.
    let style: Int
    var points: [Point]
  }

  /// What it shows, in a few words and in a sentence.
  let title, summary: String
  /// What the axes are, with their units.
  let xLabel, yLabel: String
  /// Names of the values, for tables and readouts.
  let xName, yName: String
  var xScale = ScaleKind.linear
  var yScale = ScaleKind.linear
  /// Whether the points of a line are joined.
  var isJoined = true
  /// Whether each point shows its own spread, in place of a band.
  var showsSpread = false
  /// Whether the x are whole numbers, such as those of layers.
  var isWhole = false
  let series: [Series]

  /// A value with six digits.
  static func exact(_ value: Double) -> String { String(format: "%.6g", value) }

  /// What a point says.
  func words(_ point: Point, of series: Series) -> String {
    var words = "\(series.name): \(yName) \(Self.exact(point.y))"
    if let low = point.low, let high = point.high { words += ", \(Self.exact(low)) to \(Self.exact(high))" }
    words += " at \(xName) \(Self.exact(point.x))"
    return point.note.isEmpty ? words : "\(words) (\(point.note))"
  }

  /// The values of its points.
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
