import ZerothSupport

/// Runs in groups. Each method on each problem has a row, a row has the settings that were tried, and each setting has
/// its seeds.
///
/// A row shows the setting with the best mean dev score. Test scores are never used for a choice.
public struct Methods: Sendable {
  /// Runs that differ only in their seeds.
  struct Setting: Sendable {
    let runs: [RecordedRun]
    /// The runs that have ended. The setting is judged by these.
    var finished: [RecordedRun] { runs.filter(\.isFinished) }
    /// The forward passes of its finished runs.
    var forwards: [Int] { finished.compactMap { $0.results["forwards"]?.integer } }
    /// The unit in which the values of the first metric are shown.
    var unit: ScoreUnit { (finished.first ?? runs.first)?.unit ?? .share }
    /// The number of seeds that have ended. Several runs of one seed count once.
    var seeds: Int { Set(finished.map(\.seeds)).count }
    /// The scores by the first metric over the seeds; see ``RecordedRun/score(_:)``. The score of a seed is the mean of
    /// its runs.
    func scores(_ name: String) -> Sample { Sample(bySeed(name).map(\.score)) }

    /// The mean score of each seed, in the order of the runs.
    fileprivate func bySeed(_ name: String) -> [(seeds: [Int], score: Double)] {
      var all: [(seeds: [Int], scores: [Double])] = []
      for run in finished {
        guard let score = run.score(name) else { continue }
        if let index = all.firstIndex(where: { $0.seeds == run.seeds }) {
          all[index].scores.append(score)
        } else {
          all.append((run.seeds, [score]))
        }
      }
      return all.map { ($0.seeds, Sample($0.scores).mean) }
    }
  }

  /// One row.
  struct Row: Sendable {
    /// The values of the options that distinguish the rows.
    let cells: [String]
    /// The problem. Rows of different problems are not compared.
    let problem: [String]
    /// The name of the method in figures and differences, where the problem is clear.
    let label: String
    let settings: [Setting]
    /// The setting that was chosen.
    let best: Setting
    /// The row with which it is compared, seed by seed; nil for the baseline itself.
    fileprivate(set) var baseline: Int?
    /// For each seed that both rows have, the test score of this row minus that of the baseline.
    fileprivate(set) var differences = Sample([])
  }

  /// The options that distinguish rows, and the options among whose values dev chooses.
  let by, chosen: [String]
  private(set) var rows: [Row] = []

  /// Groups `runs`.
  ///
  /// - Parameters:
  ///   - words: the options that distinguish rows, as keys or titles of columns; nil for the problem and the method.
  ///   - baseline: one of the values of the row with which the others are compared; nil for `mezo`, or else the first
  ///     row.
  /// - Throws: `InputError` for an option or a row that does not exist, and for runs of one problem with different
  ///   metrics.
  public init(_ runs: [RecordedRun], by words: [String]? = nil, against baseline: String? = nil) throws(InputError) {
    let varying = VaryingOptions(runs)
    var by = varying.ofRows
    if let words {
      by = try words.map { word throws(InputError) in try VaryingOptions.key(word, in: runs, origin: "--by") }
    }
    self.by = by
    // Runs without a record have no options. They are mentioned beside the table.
    let recorded = runs.filter { !$0.options.isEmpty }
    let groups = Self.grouped(recorded) { run in by.map { run.cell($0) } }
    // The name of a case stands for the options that all runs of the case share.
    let isByCase = by.contains(VaryingOptions.sweepCase)
    let free = varying.withoutSeeds.filter { key in
      !by.contains(key) && (!isByCase || groups.contains { Set($0.runs.map { $0.cell(key) }).count > 1 })
    }
    chosen = free
    for (cells, members) in groups {
      let settings = Self.grouped(members) { run in free.map { run.cell($0) } }.map { Setting(runs: $1) }
      guard let best = Self.best(of: settings) else { continue }
      let problem = zip(by, cells).filter { VaryingOptions.isProblem($0.0) }.map(\.1)
      let method = zip(by, cells).filter { !VaryingOptions.isProblem($0.0) }.map(\.1)
      let label = method.isEmpty ? best.runs[0]["run.optimizer"]?.string ?? "all runs" : method.joined(separator: ", ")
      rows.append(Row(cells: cells, problem: problem, label: label, settings: settings, best: best))
    }
    try requireOneMetric()
    try compare(with: baseline)
  }

  private static func grouped(
    _ runs: [RecordedRun], _ key: (RecordedRun) -> [String]
  ) -> [(key: [String], runs: [RecordedRun])] {
    var groups: [(key: [String], runs: [RecordedRun])] = []
    for run in runs {
      let key = key(run)
      if let index = groups.firstIndex(where: { $0.key == key }) {
        groups[index].runs.append(run)
      } else {
        groups.append((key, [run]))
      }
    }
    return groups
  }

  /// The settings with the largest number of ended seeds. Dev chooses among these.
  static func eligible(_ settings: [Setting]) -> [Setting] {
    let most = settings.map(\.seeds).max() ?? 0
    return settings.filter { $0.seeds == most }
  }

  /// The name of the baseline in titles of columns, where all compared rows have the same baseline; else nil.
  var baselineLabel: String? {
    let labels = Set(rows.compactMap { $0.baseline.map { rows[$0].label } })
    return labels.count == 1 ? labels.first : nil
  }

  /// The setting with the best mean dev score among the eligible ones, and among equals the first.
  private static func best(of settings: [Setting]) -> Setting? {
    var best: Setting?
    for setting in eligible(settings) {
      let isBetter =
        best.map { setting.unit.isBetter(setting.scores("best_dev").mean, than: $0.scores("best_dev").mean) } ?? true
      if isBetter { best = setting }
    }
    return best
  }

  private func requireOneMetric() throws(InputError) {
    for row in rows {
      let peers = rows.filter { $0.problem == row.problem }.flatMap(\.settings).flatMap(\.runs)
      let metrics = Set(peers.compactMap(\.metric)).sorted()
      guard metrics.count < 2 else {
        throw InputError(
          "runs that are compared", found: "the metrics \(metrics.joined(separator: " and "))",
          expected: "one metric, or --by task")
      }
    }
  }

  private mutating func compare(with word: String?) throws(InputError) {
    if let word, !rows.contains(where: { $0.cells.contains(word) }) {
      throw InputError(
        "--against", found: "'\(word)'",
        expected: Suggestion.expected(for: word, among: Array(Set(rows.flatMap(\.cells))).sorted()))
    }
    for index in rows.indices {
      let peers = rows.indices.filter { rows[$0].problem == rows[index].problem }
      guard let base = peers.first(where: { rows[$0].cells.contains(word ?? "mezo") }) ?? peers.first, base != index
      else { continue }
      rows[index].baseline = base
      let theirs = rows[base].best.bySeed("best")
      let ours = rows[index].best.bySeed("best").sorted { $0.seeds.lexicographicallyPrecedes($1.seeds) }
      rows[index].differences = Sample(
        ours.compactMap { seeds, score in theirs.first { $0.seeds == seeds }.map { score - $0.score } })
    }
  }
}
