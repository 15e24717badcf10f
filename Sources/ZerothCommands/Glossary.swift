import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTraining

/// Everything that a user can name, with its explanation: strategies, tasks, objectives, and the tables of the
/// configuration.
struct Glossary {
  /// The thing that a name stands for.
  enum Entry {
    case strategy(StrategyDescription.Kind, StrategyDescription)
    case task(TextTask)
    case objective(TaskObjective)
    case tuning(StrategyDescription)
    case table(String)
    /// An option. The entries `owners` take it, all of one kind and with one meaning.
    case option(OptionSpec, table: String, owners: [String])
  }

  private let registry: Registry
  private let tasks: TaskRegistry

  /// The glossary of all names in `registry` and `tasks`.
  init(_ registry: Registry, _ tasks: TaskRegistry) {
    self.registry = registry
    self.tasks = tasks
  }

  /// All entries, the tables first.
  private var entries: [Entry] {
    RunSettings.tables.map { .table($0) } + strategies + tunings + fromTasks
  }

  private var tunings: [Entry] { RunSettings.tuningDescriptions.map { .tuning($0) } }

  private var fromTasks: [Entry] { tasks.tasks.map { .task($0) } + tasks.objectives.map { .objective($0) } }

  private var strategies: [Entry] {
    StrategyDescription.Kind.allCases.flatMap { kind in
      registry.descriptions(of: kind).map { .strategy(kind, $0) }
    }
  }

  /// The tables and the strategies that have options.
  var withOptions: [Entry] {
    entries.filter { if case .tuning = $0 { false } else { !$0.options.isEmpty } }
  }

  /// All names, each once.
  var names: [String] {
    var seen: Set<String> = []
    return (strategies + tunings + fromTasks + RunSettings.tables.map { .table($0) }).map(\.name)
      .filter { seen.insert($0).inserted }
  }

  /// All entries called `name`. A task is found by everything that `--task` accepts. Throws an `InputError`, with the
  /// nearest name, if there is no entry.
  func entries(named name: String) throws(InputError) -> [Entry] {
    let found =
      (RunSettings.tables.map { .table($0) } + strategies + tunings).filter { $0.names.contains(name) }
      + (TaskFile.isPath(name)
        ? [.task(try tasks.task(name))] : (try? tasks.task(named: name)).map { [.task($0)] } ?? [])
      + tasks.objectives.filter { $0.name == name }.map { .objective($0) }
    guard found.isEmpty else { return found }
    let others = options(named: name) + strategies.filter { $0.tableName == name }
    guard others.isEmpty else { return others }
    let near = Suggestion.nearest(to: name, among: names + withOptions.flatMap { $0.options.map(\.name) })
    throw InputError(
      "name", found: "'\(name)'",
      expected: (near.map { "perhaps '\($0)', " } ?? "") + "one of \(names.joined(separator: ", "))")
  }

  /// The options called `name`. The name may begin with dashes, or with the name of a table and a point, as in
  /// `rule.beta`.
  private func options(named name: String) -> [Entry] {
    let path = name.drop { $0 == "-" }.split(separator: ".", maxSplits: 1).map(String.init)
    guard let key = path.last else { return [] }
    var found: [(spec: OptionSpec, table: String, owners: [String])] = []
    for entry in withOptions + tunings where path.count == 1 || path[0] == entry.tableName {
      let matching = entry.options.filter {
        $0.name == key || Shortcut.of(entry.tableName, $0.name)?.names.contains(key) ?? false
      }
      for spec in matching {
        if let known = found.firstIndex(where: { $0.table == entry.tableName && $0.spec.help == spec.help }) {
          found[known].owners.append(entry.name)
        } else {
          found.append((spec, entry.tableName, [entry.name]))
        }
      }
    }
    return found.map { .option($0.spec, table: $0.table, owners: $0.owners) }
  }

  /// The page of all options, docs/options.md.
  func markdown(tool: String) -> String {
    var page = """
      # Options

      What a run can be told: the same in a file given by `--config`, after `--set TABLE.KEY=VALUE` on the command line, and in
      `Settings` in Swift. Options that have a short name can be given by it too. `\(tool) explain NAME` prints any part of this page, which is
      itself printed by `\(tool) explain --all --markdown`.

      """
    func add(_ entry: Entry) {
      if !entry.options.isEmpty { page += "\n\(OptionSpec.table(entry.options, name: entry.nameOf).markdown)" }
    }
    for table in RunSettings.tables where table != "sweep" {
      page += "\n## [\(table)]\n"
      add(.table(table))
    }
    var presets = Table([.left("optimizer"), .left("what it is"), .left("its parts")])
    for description in registry.descriptions(of: .optimizer) {
      presets.rows.append([description.name, description.summary, description.formula])
    }
    page += "\nWhat `optimizer` stands for; the tables of the parts change them.\n\n" + presets.markdown
    for kind in Registry.partKinds {
      page += "\n## [\(kind.rawValue)]\n"
      for description in registry.descriptions(of: kind) {
        page += "\n### \(kind.rawValue) `\(description.name)`\n\n\(description.summary).\n"
        if description.options.isEmpty { page += "\nIt has no options.\n" }
        add(.strategy(kind, description))
      }
    }
    page += "\n## [sweep]\n\nIn the file of a sweep alone: [comparing.md](comparing.md).\n"
    add(.table("sweep"))
    return page
  }
}

extension Glossary.Entry {
  /// The kind of the entry: `estimator`, `task`, `table` and so on.
  var kind: String {
    switch self {
    case .strategy(let kind, _): kind.rawValue
    case .task: "task"
    case .objective: "objective"
    case .tuning: "tuning"
    case .table: "table"
    case .option: "option"
    }
  }

  /// The configuration table in which the entry's options stand.
  var tableName: String {
    switch self {
    case .strategy(let kind, _): kind.rawValue
    case .task, .objective: "task"
    case .tuning: "tuning"
    case .table(let name), .option(_, let name, _): name
    }
  }

  /// The name under which the entry is listed.
  var name: String {
    switch self {
    case .strategy(_, let description): description.name
    case .task(let task): task.name
    case .objective(let objective): objective.name
    case .tuning(let description): description.name
    case .table(let table): table
    case .option(let spec, _, _): spec.name
    }
  }

  /// All names by which the entry is found: its own and its aliases.
  var names: [String] {
    if case .strategy(_, let description) = self { [name] + description.aliases } else { [name] }
  }

  /// The options of the entry; empty for a task or an objective.
  var options: [OptionSpec] {
    switch self {
    case .strategy(_, let description), .tuning(let description): description.options
    case .task, .objective: []
    case .table(let table): RunSettings.options(of: table) ?? []
    case .option(let spec, _, _): [spec]
    }
  }

  /// The names of an option for a list: its full name and its short ones.
  func nameOf(_ option: OptionSpec) -> String {
    let short = Shortcut.of(tableName, option.name)?.names.map { "--\($0)" } ?? []
    return ([option.name] + short).joined(separator: ", ")
  }

  /// The explanation as text for a terminal.
  var text: String {
    get throws {
      switch self {
      case .strategy(_, let description), .tuning(let description): description.text
      case .task(let task): try task.text()
      case .objective(let objective): objective.text
      case .table(let table): "[\(table)] of a configuration\n\n" + OptionSpec.text(options, name: nameOf)
      case .option(let spec, let table, let owners):
        "\(spec.name) of [\(table)]"
          + (owners == [table] ? "" : ", taken by \(owners.joined(separator: ", "))") + "\n\n"
          + OptionSpec.text(options, name: nameOf)
      }
    }
  }

  /// The explanation as JSON.
  var json: JSON {
    get throws {
      switch self {
      case .strategy(_, let description), .tuning(let description): description.json
      case .task(let task): try task.json()
      case .objective(let objective): objective.json
      case .table(let table): ["name": .string(table), "options": .array(options.map(\.json))]
      case .option(let spec, let table, let owners):
        [
          "name": .string(spec.name), "table": .string(table), "taken_by": .array(owners.map { .string($0) }),
          "options": [spec.json],
        ]
      }
    }
  }
}

extension TaskObjective {
  private var fits: [String] { kinds.map(\.displayName).sorted() }

  /// The objective as text for a terminal.
  fileprivate var text: String { "\(name): \(summary)\n\nfits: \(fits.joined(separator: ", "))\n" }

  /// The objective as JSON.
  fileprivate var json: JSON {
    ["name": .string(name), "summary": .string(summary), "kinds": .array(fits.map { .string($0) })]
  }
}
