import ZerothSupport

/// Text as a part of HTML or SVG.
enum Markup {
  /// `text` with the special characters of markup escaped, and control characters spelled out.
  static func escape(_ text: String) -> String {
    text.printable(keepsLines: true, limit: 100_000).map { character in
      switch character {
      case "&": "&amp;"
      case "<": "&lt;"
      case ">": "&gt;"
      case "\"": "&quot;"
      case "'": "&#39;"
      default: "\(character)"
      }
    }.joined()
  }

  /// A table with a caption. The first column contains the names of its rows.
  ///
  /// With `isLong`, the last column has sentences, in which lines may be broken.
  static func table(_ table: Table, caption: String, isLong: Bool = false) -> String {
    func side(_ i: Int) -> String {
      let kind = table.columns[i].alignsRight ? "number" : isLong && i == table.columns.count - 1 ? "long" : ""
      return kind.isEmpty ? "" : " class=\"\(kind)\""
    }
    let head = table.columns.indices.map { "<th scope=\"col\"\(side($0))>\(escape(table.columns[$0].title))</th>" }
    let body = table.rows.map { row in
      let cells = table.columns.indices.map { i in
        let text = escape(i < row.count ? row[i] : "")
        return i == 0 ? "<th scope=\"row\">\(text)</th>" : "<td\(side(i))>\(text)</td>"
      }
      return "<tr>\(cells.joined())</tr>"
    }
    return """
      <div class="wide" role="region" aria-label="\(escape(caption))" tabindex="0"><table>
      <caption>\(escape(caption))</caption>
      <thead><tr>\(head.joined())</tr></thead>
      <tbody>
      \(body.joined(separator: "\n"))
      </tbody></table></div>

      """
  }
}
