import ZerothSupport

/// The options in which runs differ because someone chose so.
///
/// Options that follow from others are left out: the parts of a preset, defaults that depend on the steps or the seed,
/// and the place of the examples where it depends on the seed.
struct VaryingOptions {
  /// The options, such as `rule.learning-rate`, in the order of a record, with those for seeds.
  let keys: [String]

  /// The key for the `[case.NAME]` of a sweep to which a run belongs. It is a name for a group of options, and not an
  /// option itself.
  static let sweepCase = "sweep.case"

  /// Options that do not distinguish results: where and how often something is written. The steps are among them
  /// because they follow from the forward passes.
  private static let incidental: Set<String> = [
    "run.out", "run.threads", "run.steps", "run.eval-every", "run.snapshot-every", "run.keep-last", "run.layers",
    "run.tensorboard", "run.on-divergence", "run.patience", "model.save-as", sweepCase,
  ]
  private static let seeds: Set<String> = ["run.seed", "task.seed"]
  private static let places: Set<String> = ["task.data", "task.test-data"]

  /// The options in which `runs` differ.
  init(_ runs: [RecordedRun]) {
    var known: Set<String> = []
    let runs = runs.filter { !$0.options.isEmpty }
    let all = runs.flatMap(\.options).map(\.key).filter { known.insert($0).inserted }
    let varying = all.filter { key in
      guard !Self.incidental.contains(key), Set(runs.map { $0[key] }).count > 1 else { return false }
      return runs.contains { run in
        guard let changed = run.changed else { return true }
        return changed.contains(key) || (key.hasSuffix(".name") && run["run.optimizer"] == nil && run[key] != nil)
      }
    }
    // Where the seed and the other options of the problem determine the place of the examples, a different place does
    // not mean a different problem.
    let deciding = varying.filter { Self.isProblem($0) && !Self.places.contains($0) } + Self.seeds.sorted()
    let found = varying.filter { !(Self.places.contains($0) && Self.follow($0, deciding, in: runs)) }
    // The problem and the optimizer come first, seeds last.
    keys =
      found.filter(Self.isProblem) + found.filter { $0 == "run.optimizer" }
      + found.filter { !Self.isProblem($0) && $0 != "run.optimizer" && !Self.seeds.contains($0) }
      + found.filter(Self.seeds.contains)
  }

  /// The options without those for seeds.
  var withoutSeeds: [String] { keys.filter { !Self.seeds.contains($0) } }
  /// The options that make the rows of a table: the problem, and the names of the method's parts.
  var ofRows: [String] {
    withoutSeeds.filter { Self.isProblem($0) || $0 == "run.optimizer" || $0.hasSuffix(".name") }
  }

  /// Whether an option belongs to the problem: what is learned, and on which data. Scores with different values of it
  /// cannot be compared.
  static func isProblem(_ key: String) -> Bool {
    (key.hasPrefix("model.") || key.hasPrefix("task.")) && !seeds.contains(key)
  }

  /// Whether all runs with the same values of `others` have the same value of `key`.
  private static func follow(_ key: String, _ others: [String], in runs: [RecordedRun]) -> Bool {
    var values: [[JSON?]: JSON?] = [:]
    for run in runs {
      let place = others.map { run[$0] }
      if let known = values[place], known != run[key] { return false }
      values[place] = .some(run[key])
    }
    return true
  }

  /// The title of a column for `key`.
  static func title(_ key: String) -> String {
    let parts = key.split(separator: ".")
    guard parts.count == 2 else { return key }
    switch (parts[0], parts[1]) {
    case ("model", "path"): return "model"
    case ("task", "name"): return "task"
    case ("sweep", "case"): return "case"
    case ("run", let name), ("rule", let name): return name == "name" ? "\(parts[0])" : "\(name)"
    case ("task", "data"), ("task", "objective"), ("task", "k"): return "\(parts[1])"
    case (let table, "name"): return "\(table)"
    default: return key
    }
  }

  /// The option that `word` names, by its key or its title. Throws `InputError` where the runs have no such option.
  static func key(_ word: String, in runs: [RecordedRun], origin: String) throws(InputError) -> String {
    let keys = Set(runs.flatMap { $0.options.map(\.key) })
    if keys.contains(word) { return word }
    if let key = keys.first(where: { title($0) == word }) { return key }
    throw InputError(
      origin, found: "'\(word)'",
      expected: Suggestion.expected(for: word, among: keys.map(title).sorted()))
  }
}

extension RecordedRun {
  /// The value of an option as a cell of a table.
  func cell(_ key: String) -> String {
    switch self[key] {
    case nil: "-"
    case .string(let text)?: text
    case let value?: "\(value)"
    }
  }
}
