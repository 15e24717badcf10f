import ZerothSupport

extension Figure {
  /// The figure as a part of a page: its choices, its charts, of which one is visible, a line that reads out a point,
  /// and its numbers.
  var markup: String {
    var html = "<figure id=\"\(id)\">\n<h4>\(Markup.escape(first.title))</h4>\n"
    if !choices.isEmpty {
      html += "<div class=\"choices\">\n"
      for (index, choice) in choices.enumerated() {
        html += "<fieldset><legend>\(Markup.escape(choice.title))</legend>"
        for (option, words) in choice.options.enumerated() {
          let name = "\(id)-c\(index)"
          html +=
            "<label><input type=\"radio\" name=\"\(name)\" id=\"\(name)-\(option)\""
            + (option == 0 ? " checked" : "") + "> \(Markup.escape(words))</label>"
        }
        html += "</fieldset>\n"
      }
      html += "</div>\n"
    }
    for (picks, chart) in charts {
      let name = Self.name(picks)
      html += "<div class=\"variant\" data-v=\"\(name)\" tabindex=\"0\" role=\"group\" "
      html += "aria-label=\"\(Markup.escape(chart.title)): arrow keys read out the points\">\n"
      html += ChartMarkup(chart).element(id: "\(id)-\(name)") + "</div>\n"
    }
    html += "<output aria-live=\"polite\">Point at a line, or choose the chart and press the arrow keys.</output>\n"
    html += "<figcaption>\(Markup.escape(caption))</figcaption>\n"
    html += "<details><summary>The numbers</summary>\n"
    return html + Markup.table(table, caption: first.title) + "</details>\n</figure>\n"
  }

  /// The style rules that make the chart of the chosen options visible. They need no script.
  var rules: String {
    guard !choices.isEmpty else { return "" }
    let shown = charts.map { picks, _ in
      let chosen = picks.enumerated().map { ":has(#\(id)-c\($0)-\($1):checked)" }.joined()
      return "#\(id)\(chosen) [data-v=\"\(Self.name(picks))\"] { display: block; }"
    }
    return "#\(id) .variant { display: none; }\n" + shown.joined(separator: "\n") + "\n"
  }

  private static func name(_ picks: [Int]) -> String {
    picks.isEmpty ? "0" : picks.map(String.init).joined(separator: "-")
  }
}
