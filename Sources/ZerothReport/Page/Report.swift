import ZerothRecords
import ZerothSupport

/// A report about runs on one page: tables, figures, configurations, and failures.
public struct Report: Sendable {
  private let runs: [RecordedRun]
  private let methods: Methods
  /// The figures of each problem, with its name. The name is empty where there is only one problem.
  private let problems: [(name: String, figures: [Figure])]
  /// The answers of the models of runs to a few rows of dev; empty where no run has recorded any.
  private let samples: Table

  /// A report of `runs`. The other parameters are those of ``Methods/init(_:by:against:)``.
  ///
  /// Throws `InputError` for records that are damaged, and for runs that cannot be compared.
  public init(_ runs: [RecordedRun], by words: [String]? = nil, against baseline: String? = nil) throws(InputError) {
    self.runs = runs
    samples = try Self.samples(of: runs)
    methods = try Methods(runs, by: words, against: baseline)
    let rows = methods.rows
    let names = rows.map(\.problem).unique
    var problems: [(String, [Figure])] = []
    for (index, problem) in names.enumerated() {
      let rows = rows.filter { $0.problem == problem }.enumerated().map { (style: $0, row: $1) }
      let id = "p\(index)"
      let metric = rows.lazy.flatMap(\.row.settings).flatMap(\.runs).compactMap(\.metric).first ?? "score"
      let curves = try LearningCurves(rows, id: id, metric: metric)
      let layers = try LayerFigures(rows, id: id)
      let figures =
        [curves.loss, curves.score].compactMap(\.self) + TriedValues.figures(methods, rows, id: id, metric: metric)
        + [layers.distance, layers.ratio].compactMap(\.self)
      problems.append((problem.joined(separator: ", "), figures))
    }
    self.problems = problems
  }

  /// All figures.
  var figures: [Figure] { problems.flatMap(\.figures) }

  /// The names of its figures, for use in commands.
  public var figureNames: [String] {
    figures.map(\.kind.rawValue).unique
  }

  /// The size of a figure's file, in pixels.
  public static let figureSize = (width: Int(ChartMarkup.width), height: Int(ChartMarkup.height))

  /// The number of runs in the report.
  public var runCount: Int { runs.count }

  /// One figure as an SVG file, from the first problem that has it.
  ///
  /// - Parameters:
  ///   - name: one of ``figureNames``; nil for the first.
  ///   - choices: the options that are chosen, such as `tokens`, `logarithmic` or `much`. Where none is given for a
  ///     choice, its first option is used.
  /// - Throws: `InputError` for a figure or an option that does not exist.
  public func figure(_ name: String?, choices words: [String] = []) throws(InputError) -> String {
    guard let figure = figures.first(where: { name == nil || $0.kind.rawValue == name }) else {
      throw InputError(
        "--figure", found: name.map { "'\($0)'" } ?? "no figure in these runs",
        expected: name.map { Suggestion.expected(for: $0, among: figureNames) } ?? "runs with metrics.jsonl")
    }
    var picks = figure.choices.map { _ in 0 }
    for word in words {
      guard let place = figure.choices.firstIndex(where: { $0.options.contains(word) }),
        let option = figure.choices[place].options.firstIndex(of: word)
      else {
        throw InputError(
          "--choose", found: "'\(word)'",
          expected: figure.choices.isEmpty
            ? "nothing: the figure has no choices"
            : Suggestion.expected(for: word, among: figure.choices.flatMap(\.options)))
      }
      picks[place] = option
    }
    return ChartMarkup(figure.charts.first { $0.picks == picks }?.chart ?? figure.first).file
  }

  /// The page. It is complete, and loads no other file.
  public var html: String {
    let done = runs.count(where: \.isFinished)
    let rules = figures.map(\.rules).joined()
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
      script-src 'unsafe-inline'">
      <title>\(runs.count) runs compared</title>
      <style>
      \(ChartStyle.css)
      \(PageParts.css)
      \(rules)</style>
      </head>
      <body>
      <main>
      <h1>\(runs.count) \(runs.count == 1 ? "run" : "runs compared")</h1>
      <p>Come to an end: \(done) of \(runs.count). Made by Zeroth \(Markup.escape(Versions.zeroth)).</p>
      <nav aria-label="Parts"><ul>
      \(parts.map { "<li><a href=\"#\($0.id)\">\($0.title)</a></li>" }.joined(separator: "\n"))
      </ul></nav>
      \(parts.map { "<section id=\"\($0.id)\">\n<h2>\($0.title)</h2>\n\($0.content)</section>" }.joined(separator: "\n"))
      </main>
      <script>
      \(PageParts.script)
      </script>
      </body>
      </html>

      """
  }

  private var parts: [(id: String, title: String, content: String)] {
    var parts: [(id: String, title: String, content: String)] = [
      ("results", "Results", results), ("figures", "Figures", figureMarkup),
    ]
    if !samples.rows.isEmpty {
      let caption = "Answers to the same rows of dev, before the first step and at the end"
      parts.append(("samples", "What the models say", Markup.table(samples, caption: caption, isLong: true)))
    }
    return parts + [
      ("wrong", "What went wrong", wrong),
      ("runs", "Every run", Markup.table(ResultTable(of: runs).table, caption: "What differs, and what came of it")),
      ("configuration", "Configuration", configuration),
    ]
  }

  /// The first and the last recorded answers of each of `runs`.
  private static func samples(of runs: [RecordedRun]) throws(InputError) -> Table {
    var table = Table([
      .left("run"), .left("asked"), .left("right"), .left("before"), .left("at the end"), .right("step"),
    ])
    for run in runs {
      let rows = try run.metrics().compactMap { if case .samples(let row) = $0 { row } else { nil } }
      guard let first = rows.first, let last = rows.last else { continue }
      for (before, after) in zip(first.samples, last.samples) {
        table.rows.append([
          run.name, before.prompt.excerpt, before.expected.excerpt, before.answer?.excerpt ?? "-",
          after.answer?.excerpt ?? "-", "\(last.step)",
        ])
      }
    }
    return table
  }

  private var results: String {
    let words = """
      Scores are means and standard deviations over seeds, shares of 1 in percent. Dev chose the setting of each row and the checkpoint of each \
      run; test chose nothing. The difference is paired by seed; in brackets is the interval of 95 percent of its mean, \
      as in a paired t test.
      """
    let tried = methods.chosen.isEmpty ? "" : Markup.table(methods.tried, caption: "Every setting that was tried")
    return "<p>\(words)</p>\n" + Markup.table(methods.table.table, caption: "The chosen setting of each method")
      + (tried.isEmpty ? "" : "<details><summary>Every setting that was tried</summary>\n\(tried)</details>\n")
  }

  private var figureMarkup: String {
    guard !figures.isEmpty else { return "<p>No run has rows of metrics.</p>\n" }
    return problems.map { name, figures in
      (name.isEmpty ? "" : "<h3>\(Markup.escape(name))</h3>\n") + figures.map(\.markup).joined()
    }.joined()
  }

  private var wrong: String {
    let notes = runs.compactMap { run -> [String]? in
      var notes = run.state == .complete ? [] : [run.stateWords]
      if let end = run.end, run.state != .complete { notes.append(end) }
      for (key, words) in [("skipped_steps", "steps skipped"), ("non_finite_moves", "moves of the adapter left out")] {
        if let count = run.results[key]?.integer, count > 0 {
          notes.append("\(count) \(words), as a loss was not finite")
        }
      }
      return notes.isEmpty ? nil : [run.name, notes.joined(separator: "; ")]
    }
    guard !notes.isEmpty else { return "<p>Nothing: every run made all of its steps, and every loss was finite.</p>\n" }
    var table = Table([.left("run"), .left("what")])
    table.rows = notes
    return Markup.table(table, caption: "\(notes.count) of \(runs.count) runs", isLong: true)
  }

  /// The options that are the same in all runs.
  private var configuration: String {
    let known = runs.filter { !$0.options.isEmpty }
    guard let first = known.first else { return "<p>No run has a record.</p>\n" }
    var table = Table([.left("option"), .left("value")])
    for option in first.options where option.key != "run.out" {
      let isCommon = known.allSatisfy { $0[option.key] == option.value }
      if isCommon { table.rows.append([option.key, first.cell(option.key)]) }
    }
    return
      "<p>The effective value of every option that all runs have alike; in what they differ stands in the table of runs, or "
      + "follows from it.</p>\n<details><summary>\(table.rows.count) options</summary>\n"
      + Markup.table(table, caption: "Options of all runs") + "</details>\n"
  }
}
