/// A plain table, for a terminal with aligned columns, or in Markdown.
public struct Table: Sendable {
  /// The heading of a column, and the side on which its cells are aligned.
  public struct Column: Sendable {
    /// The heading.
    public let title: String
    /// Whether cells are aligned on the right, as numbers are.
    public let alignsRight: Bool

    /// A column of words.
    public static func left(_ title: String) -> Column { Column(title: title, alignsRight: false) }
    /// A column of numbers.
    public static func right(_ title: String) -> Column { Column(title: title, alignsRight: true) }
  }

  /// The columns.
  public let columns: [Column]
  /// The rows. Missing cells are empty, and surplus ones are left out.
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

  /// The number of places that `text` takes on a terminal: two for a wide character (East Asian, emoji), none for a
  /// control.
  package static func width(of text: String) -> Int {
    text.reduce(0) { sum, character in
      guard let first = character.unicodeScalars.first else { return sum }
      if first.properties.generalCategory == .control { return sum }
      let isEmoji = first.properties.isEmojiPresentation || character.unicodeScalars.contains("\u{FE0F}")
      return sum + (isEmoji || wide.contains { $0.contains(first.value) } ? 2 : 1)
    }
  }

  /// The ranges of Unicode's East Asian Wide and Fullwidth characters.
  private static let wide: [ClosedRange<UInt32>] = [
    0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
    0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x20000...0x3FFFD,
  ]
}
