extension Table {
  /// The table as a LaTeX `tabular` with the rules of the package booktabs.
  public var latex: String {
    let sides = columns.map { $0.alignsRight ? "r" : "l" }.joined()
    let lines = ([columns.map(\.title)] + rows).map { cells in
      columns.indices.map { $0 < cells.count ? Self.latex(cells[$0]) : "" }.joined(separator: " & ") + " \\\\\n"
    }
    return "\\begin{tabular}{\(sides)}\n\\toprule\n\(lines[0])\\midrule\n\(lines.dropFirst().joined())"
      + "\\bottomrule\n\\end{tabular}\n"
  }

  /// A text for LaTeX, with its special characters escaped.
  private static func latex(_ text: String) -> String {
    text.map { character in
      switch character {
      case "&", "%", "$", "#", "_", "{", "}": "\\\(character)"
      case "\\": "\\textbackslash{}"
      case "~": "\\textasciitilde{}"
      case "^": "\\textasciicircum{}"
      case "±": "$\\pm$"
      case "\n", "\r", "\r\n", "\t": " "
      default: "\(character)"
      }
    }.joined()
  }

  /// Rows of values as comma-separated lines (RFC 4180) that end with a line feed.
  public static func csv(_ rows: [[String]]) -> String {
    rows.map { row in
      row.map { cell in
        cell.contains { ",\"\n\r\r\n".contains($0) }
          ? "\"\(cell.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\""))\"" : cell
      }.joined(separator: ",") + "\n"
    }.joined()
  }
}
