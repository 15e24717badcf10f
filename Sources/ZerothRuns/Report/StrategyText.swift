import Zeroth

extension StrategyDescription {
  /// The description as JSON.
  public var json: JSONValue {
    [
      "name": .string(name), "aliases": .array(aliases.map { .string($0) }), "summary": .string(summary),
      "formula": .string(formula), "source": .string(source), "evaluations": .string(evaluations),
      "state": .string(state), "capabilities": .array(capabilities.map { .string($0) }),
      "options": .array(
        options.map { option in
          [
            "name": .string(option.name), "expected": .string(option.expected), "unit": .string(option.unit),
            "default": .string(option.defaultWords), "documentation": .string(option.documentation),
            "applies_when": option.condition.map { .string($0.words) } ?? .null,
          ]
        }),
    ]
  }

  /// The description as a page for a terminal.
  public var text: String {
    var lines = ["\(name): \(summary)"]
    if !aliases.isEmpty { lines.append("also called \(aliases.joined(separator: ", "))") }
    lines += ["", "  \(formula)", "", "source       \(source)", "evaluations  \(evaluations)", "state        \(state)"]
    lines += capabilities.map { "composes     \($0)" }
    guard !options.isEmpty else { return lines.joined(separator: "\n") + "\n" }
    var table = Table([.left("option"), .left("takes"), .left("default"), .left("what it does")])
    for option in options {
      let unit = option.unit.isEmpty ? "" : " (\(option.unit))"
      let condition = option.condition.map { "; only with \($0.words)" } ?? ""
      table.rows.append([
        option.name, option.expected, option.defaultWords, option.documentation + unit + condition,
      ])
    }
    return lines.joined(separator: "\n") + "\n\n" + table.text
  }
}
