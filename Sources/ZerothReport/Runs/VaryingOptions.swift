import ZerothSupport

/// The options in which runs differ because somebody wanted it so.
///
/// What follows from another option is left out: the parts of a preset, defaults that follow the steps or the seed, and
/// where examples lie, if that follows the seed.
struct VaryingOptions {
  /// The options, such as `rule.learning-rate`, in the order of a record; seeds too.
  let keys: [String]

  /// The `[case.NAME]` of a sweep that a run is of: a name for options that it has, and none of its own.
  static let sweepCase = "sweep.case"

  /// Options by which no result is told apart: where and how often things are written. The steps follow the forward passes.
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
    // A place that the seed and the rest of the problem decide is another place for each seed, and no other problem.
    let deciding = varying.filter { Self.isProblem($0) && !Self.places.contains($0) } + Self.seeds.sorted()
    let found = varying.filter { !(Self.places.contains($0) && Self.follow($0, deciding, in: runs)) }
    // The problem and the optimizer come first, seeds last.
    keys =
      found.filter(Self.isProblem) + found.filter { $0 == "run.optimizer" }
      + found.filter { !Self.isProblem($0) && $0 != "run.optimizer" && !Self.seeds.contains($0) }
      + found.filter(Self.seeds.contains)
  }

  /// Those that are no seeds.
  var withoutSeeds: [String] { keys.filter { !Self.seeds.contains($0) } }
  /// Those that a table has rows for: the problem, and the method by name.
  var ofRows: [String] {
    withoutSeeds.filter { Self.isProblem($0) || $0 == "run.optimizer" || $0.hasSuffix(".name") }
  }

  /// Whether an option says what is learned and on what, so that scores with several of its values do not compare.
  static func isProblem(_ key: String) -> Bool {
    (key.hasPrefix("model.") || key.hasPrefix("task.")) && !seeds.contains(key)
  }

  /// Whether runs with the same `others` have the same `key`.
  private static func follow(_ key: String, _ others: [String], in runs: [RecordedRun]) -> Bool {
    var values: [[JSON?]: JSON?] = [:]
    for run in runs {
      let place = others.map { run[$0] }
      if let known = values[place], known != run[key] { return false }
      values[place] = .some(run[key])
    }
    return true
  }

  /// What a column of `key` is called.
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

  /// The option that `word` names, by its key or its title. Throws `InputError` where runs have none such.
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
  /// The value of an option as a cell of a table has it.
  func cell(_ key: String) -> String {
    switch self[key] {
    case nil: "-"
    case .string(let text)?: text
    case let value?: "\(value)"
    }
  }
}
