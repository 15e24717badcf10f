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
    return lines.joined(separator: "\n") + "\n\n" + OptionSpec.text(options)
  }
}

extension OptionSpec {
  /// A table of `options`: the name, what it accepts, the default, and what it does. `name` may replace the name in the
  /// first column.
  public static func table(
    _ options: [OptionSpec], name: (OptionSpec) -> String = \.name, takes: (OptionSpec) -> String = \.expected
  ) -> Table {
    var table = Table([.left("option"), .left("takes"), .left("default"), .left("what it does")])
    for option in options {
      table.rows.append([name(option), takes(option), option.defaultWords, option.meaning])
    }
    return table
  }

  /// The table for a terminal. The words of long choices are listed below it.
  public static func text(_ options: [OptionSpec], name: (OptionSpec) -> String = \.name) -> String {
    let table = table(options, name: name) { option in
      option.longChoice.map { "one of \($0.count) words, listed below" } ?? option.expected
    }
    let choices = options.compactMap { option in
      option.longChoice.map { "\n\(option.name) is one of\n\(lines($0))" }
    }
    return table.text + choices.joined()
  }

  /// The words of a choice where they are too many for a cell of the table.
  private var longChoice: [String]? {
    if case .choice(let words) = kind, words.count > 10 { words } else { nil }
  }

  /// `words` in lines that fit the width of a terminal.
  private static func lines(_ words: [String]) -> String {
    var lines = [" "]
    for (i, word) in words.enumerated() {
      let word = i + 1 < words.count ? "\(word)," : word
      if lines[lines.count - 1].count + word.count > 78 { lines.append(" ") }
      lines[lines.count - 1] += " \(word)"
    }
    return lines.map { $0 + "\n" }.joined()
  }

  /// What the option does, with its unit and the condition under which it has a meaning.
  public var meaning: String {
    let unit = unit.isEmpty ? "" : " (\(unit))"
    let condition = condition.map { "; only with \($0)" } ?? ""
    return documentation + unit + condition
  }
}
