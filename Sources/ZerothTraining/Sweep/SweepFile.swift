import Foundation
import TOMLKit
import ZerothStrategies
import ZerothSupport

/// The file of a sweep: the configuration of a run in which an option may have several values, written as a list.
///
///     [run]
///     seed = [13, 21, 42]
///     [rule]
///     learning-rate = [5e-5, 1e-4]
///     [case.lozo]                       # tables of a case take the place of those above
///     run.optimizer = "lozo"
///     [case.dizo]
///     run.optimizer = "dizo"
///     adapter.learning-rate = [0.1, 0.5]
///     [sweep]
///     budget = "forwards=1000"
public struct SweepFile: Sendable {
  /// An option, and the values that it takes in turn.
  struct Axis: Sendable {
    let table, key: String
    let values: [Setting]
  }

  /// One of several alternatives, such as different methods.
  struct Case: Sendable {
    /// The name; nil where the file has no cases.
    let name: String?
    /// Every option that is set for its runs.
    let axes: [Axis]
  }

  /// The most runs that a sweep may have.
  static let maximalRuns = 10_000

  /// The name of the file in errors.
  let name: String
  /// The text of the file.
  public let text: String
  /// The alternatives, in the order of the file.
  let cases: [Case]
  /// The number of runs for each combination of settings and seed.
  let repeats: Int
  /// The number of evaluations of dev in a run; nil where the configuration gives the interval.
  let evaluations: Int?
  /// The budget in the file; nil for none.
  let budget: SweepBudget?

  /// The sweep in the file at `path`. Throws `InputError` when it cannot be read or is not a sweep.
  public init(_ path: String) throws(InputError) {
    try self.init(toml: Settings.text(ofFile: path, expected: "a sweep in TOML"), name: path)
  }

  /// The sweep in a TOML text. Errors call it `name`.
  public init(toml text: String, name: String) throws(InputError) {
    let document = try Settings.document(text, name: name)
    self.name = name
    self.text = text
    var base: [Axis] = []
    var cases: [(name: String, axes: [Axis])] = []
    var own: [String: Setting] = [:]
    for table in document.keys {
      guard let pairs = document[table]?.table else { throw Self.misplaced(table, name: name) }
      switch table {
      case "case":
        for key in pairs.keys { cases.append((key, try Self.axes(ofCase: key, pairs[key], name: name))) }
      case "sweep":
        for axis in try Self.axes(table, pairs, origin: "\(name): [sweep]") { own[axis.key] = axis.values.first }
      default: base += try Self.axes(table, pairs, origin: "\(name): [\(table)]")
      }
    }
    let options = try OptionValues("\(name): [sweep]", specs: RunSettings.sweep, given: own)
    repeats = try options.int("repeats")
    evaluations = try options["evaluations"].map { _ throws(InputError) in try options.int("evaluations") }
    budget = try options["budget"].map { _ throws(InputError) in
      try SweepBudget(options.string("budget"), origin: "\(name): [sweep] budget")
    }
    let all = cases.isEmpty ? [Case(name: nil, axes: Self.ordered(base))] : []
    for (index, found) in cases.enumerated() where cases[..<index].contains(where: { $0.name == found.name }) {
      throw InputError(
        "\(name): [case.\(found.name.excerpt)]", found: "the name twice, in two encodings of Unicode",
        expected: "cases of other names")
    }
    let places = Dictionary(uniqueKeysWithValues: cases.map { ($0.name, Self.place(of: $0.name, in: text)) })
    self.cases =
      all
      + cases.sorted { (places[$0.name] ?? 0, $0.name) < (places[$1.name] ?? 0, $1.name) }.map { found in
        let others = base.filter { axis in
          !found.axes.contains { $0.table == axis.table && $0.key == axis.key }
        }
        return Case(name: found.name, axes: Self.ordered(others + found.axes))
      }
    try requireFewRuns()
  }

  /// Throws `InputError` where the grid is so large that a list was probably a mistake.
  private func requireFewRuns() throws(InputError) {
    let runs = cases.reduce(0.0) { sum, found in
      sum + found.axes.reduce(Double(repeats)) { $0 * Double($1.values.count) }
    }
    guard runs <= Double(Self.maximalRuns) else {
      throw InputError(
        name, found: "\(runs < 1e15 ? "\(Int(runs))" : "\(runs)") runs", expected: "at most \(Self.maximalRuns)")
    }
  }

  private static func misplaced(_ key: String, name: String) -> InputError {
    InputError(
      "\(name): key '\(key)'", found: "a key outside the tables",
      expected: "it under a table: [\((Settings.tables + ["sweep", "case.NAME"]).joined(separator: "], ["))]")
  }

  /// The options of `[case.NAME]`. Its keys are tables.
  private static func axes(
    ofCase key: String, _ node: (some TOMLValueConvertible)?, name: String
  ) throws(InputError) -> [Axis] {
    guard let tables = node?.table else {
      throw InputError(
        "\(name): case.\(key)", found: "a value", expected: "a table [case.\(key)] with options such as run.optimizer")
    }
    var found: [Axis] = []
    for table in tables.keys {
      guard let pairs = tables[table]?.table else {
        throw InputError(
          "\(name): [case.\(key)] \(table)", found: "a value",
          expected: "TABLE.KEY = VALUE, such as run.optimizer = \"mezo\"")
      }
      found += try axes(table, pairs, origin: "\(name): [case.\(key)] \(table).")
    }
    return found
  }

  /// The options of one table, by key.
  private static func axes(_ table: String, _ pairs: TOMLTable, origin: String) throws(InputError) -> [Axis] {
    let known = Settings.tables + ["sweep", "case"]
    guard known.contains(table) else {
      throw InputError(
        origin, found: "no table called '\(table)'", expected: Suggestion.expected(for: table, among: known))
    }
    return try pairs.keys.sorted().map { key throws(InputError) in
      let origin = origin.hasSuffix(".") ? origin + key : "\(origin) \(key)"
      guard let node = pairs[key] else { return Axis(table: table, key: key, values: []) }
      guard let list = node.array else {
        return Axis(table: table, key: key, values: [Setting(Settings.value(of: node), origin: origin)])
      }
      let values = list.map { Setting(Settings.value(of: $0), origin: origin) }
      guard !values.isEmpty, Set(values.map(\.given)).count == values.count, table != "sweep" else {
        throw InputError(
          origin, found: "[\(values.map(\.given).joined(separator: ", "))]",
          expected: table == "sweep" ? "one value" : "one or more values, each once")
      }
      return Axis(table: table, key: key, values: values)
    }
  }

  /// The options in the order of the tables, and within a table by name.
  private static func ordered(_ axes: [Axis]) -> [Axis] {
    let places = Dictionary(uniqueKeysWithValues: Settings.tables.enumerated().map { ($1, $0) })
    return axes.sorted { (places[$0.table] ?? 0, $0.key) < (places[$1.table] ?? 0, $1.key) }
  }

  /// The position at which the file first names a case. It is needed because the parser sorts tables by their names.
  private static func place(of name: String, in text: String) -> Int {
    for quote in ["", "\"", "'"] {
      var rest = text[...]
      let words = "case.\(quote)\(name)\(quote)"
      while let found = rest.range(of: words) {
        let next = text[found.upperBound...].first
        if next.map({ !$0.isLetter && !$0.isNumber && !"_-".contains($0) }) ?? true {
          return text.distance(from: text.startIndex, to: found.lowerBound)
        }
        rest = text[found.upperBound...]
      }
    }
    return text.count
  }
}
