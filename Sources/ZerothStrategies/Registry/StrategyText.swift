import Zeroth
import ZerothSupport

extension StrategyDescription {
  /// The description as a page for a terminal.
  public var text: String {
    var lines = ["\(name): \(summary)"]
    if !aliases.isEmpty { lines.append("also called \(aliases.joined(separator: ", "))") }
    lines += ["", "  \(formula)", "", "source       \(source)", "forwards     \(forwards)", "state        \(state)"]
    lines += capabilities.map { "composes     \($0)" }
    if let plugin { lines.append("plugin       \(plugin.name), \(plugin.path)") }
    guard !options.isEmpty else { return lines.joined(separator: "\n") + "\n" }
    var table = Table([.left("option"), .left("takes"), .left("default"), .left("what it does")])
    for option in options {
      let unit = option.unit.isEmpty ? "" : " (\(option.unit))"
      let condition = option.condition.map { "; only with \($0)" } ?? ""
      table.rows.append([
        option.name, option.expected, option.defaultWords, option.documentation + unit + condition,
      ])
    }
    return lines.joined(separator: "\n") + "\n\n" + table.text
  }
}
