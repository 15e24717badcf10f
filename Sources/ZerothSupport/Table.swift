/// A plain table: aligned columns for a terminal, or Markdown.
public struct Table: Sendable {
  /// A column's heading and on which side its cells line up.
  public struct Column: Sendable {
    /// The heading.
    public let title: String
    /// Whether cells end at the same place, as numbers do.
    public let alignsRight: Bool

    /// A column of words.
    public static func left(_ title: String) -> Column { Column(title: title, alignsRight: false) }
    /// A column of numbers.
    public static func right(_ title: String) -> Column { Column(title: title, alignsRight: true) }
  }

  /// The columns.
  public let columns: [Column]
  /// The rows; missing cells are empty, further ones are left out.
  public var rows: [[String]] = []

  /// A table without rows yet.
  public init(_ columns: [Column]) { self.columns = columns }

  /// The table for a terminal: a heading, a rule, the rows.
  public var text: String {
    let rule = widths.map { String(repeating: "-", count: $0) }
    return ([line(columns.map(\.title)), rule.joined(separator: "  ")] + rows.map(line)).map { $0 + "\n" }.joined()
  }

  /// The table as Markdown.
  public var markdown: String {
    let rules = columns.map { $0.alignsRight ? "---:" : "---" }
    let body = ([columns.map(\.title)] + rows).map { cells in
      columns.indices.map { i in
        cell(cells, i).map { "|\\".contains($0) ? "\\\($0)" : "\($0)" }.joined()
      }
    }
    return ([body[0], rules] + body.dropFirst()).map { "| " + $0.joined(separator: " | ") + " |\n" }.joined()
  }

  private func line(_ cells: [String]) -> String {
    let padded = zip(columns.indices, widths).map { i, width in
      let text = cell(cells, i)
      let gap = String(repeating: " ", count: max(0, width - Self.width(of: text)))
      return columns[i].alignsRight ? gap + text : text + gap
    }
    var line = padded.joined(separator: "  ")
    while line.last == " " { line.removeLast() }
    return line
  }

  /// A cell in one line.
  private func cell(_ cells: [String], _ i: Int) -> String {
    guard i < cells.count else { return "" }
    return String(cells[i].map { $0.isNewline || $0 == "\t" ? " " : $0 }).printable()
  }

  private var widths: [Int] {
    columns.indices.map { i in
      rows.map { Self.width(of: cell($0, i)) }.reduce(Self.width(of: columns[i].title), max)
    }
  }

  /// The places that `text` takes on a terminal: two for wide characters (East Asian, emoji), none for controls.
  package static func width(of text: String) -> Int {
    text.reduce(0) { sum, character in
      guard let first = character.unicodeScalars.first else { return sum }
      if first.properties.generalCategory == .control { return sum }
      let isEmoji = first.properties.isEmojiPresentation || character.unicodeScalars.contains("\u{FE0F}")
      return sum + (isEmoji || wide.contains { $0.contains(first.value) } ? 2 : 1)
    }
  }

  /// Unicode's East Asian Wide and Fullwidth, in ranges.
  private static let wide: [ClosedRange<UInt32>] = [
    0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
    0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x20000...0x3FFFD,
  ]
}
