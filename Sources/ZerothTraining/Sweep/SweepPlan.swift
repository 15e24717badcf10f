import Zeroth
import ZerothModels
import ZerothStrategies
import ZerothSupport
import ZerothTasks

/// The runs of a sweep, each checked and complete.
public struct SweepPlan: Sendable {
  /// One run.
  public struct Run: Sendable {
    /// The name of its folder, such as `lozo,learning-rate=5e-05,seed=13`.
    public let name: String
    /// The name of its `[case.NAME]` in the file; nil where there are no cases.
    public let caseName: String?
    /// Its settings, without its folder and its threads.
    public let settings: Settings
    /// The number of its steps, and of the forward passes that they take.
    public let steps, forwards: Int
    /// The effective value of every option, and the options that were chosen, in the form of `run.json`.
    public let configuration, changed: JSON
    /// The note that is shown before the program of its task is started; nil where the task has none.
    public let program: String?
  }

  /// What all runs have in common.
  public let budget: SweepBudget
  /// The runs in order: all with the first seed, then all with the next. So a part of a sweep can already be compared.
  public let runs: [Run]

  /// The runs of `file`. `budget` replaces the budget in the file and the steps.
  ///
  /// Throws `InputError` for a run whose configuration is wrong, whose model cannot be read, or for which the budget
  /// does not allow a single step.
  public init(
    _ file: SweepFile, budget: SweepBudget? = nil, _ registry: Registry = .standard, tasks: TaskRegistry = .standard,
    families: ModelFamilies = .standard
  ) throws {
    let grid = file.cases.flatMap { SweepPoint.all(of: $0, repeats: file.repeats) }.enumerated()
    let points = grid.sorted { a, b in
      (a.element.seedIndex, a.element.repetition, a.offset) < (b.element.seedIndex, b.element.repetition, b.offset)
    }.map(\.element)
    let names = points.map(\.name)
    for (index, name) in names.enumerated() where names[..<index].contains(name) {
      throw InputError("\(file.name)", found: "two runs called '\(name)'", expected: "cases and values of other names")
    }
    var counter = ForwardCounter(registry, tasks, families)
    let common = try Self.budget(of: file, budget, points, &counter)
    self.budget = common
    runs = try points.map { point in
      var settings = point.settings
      if case .forwards(let count) = common {
        settings["run", "steps"] = nil
        let steps = try counter.steps(of: settings, within: count, name: point.name)
        settings["run", "steps"] = Setting(.typed(.int(steps)), origin: "\(file.name): [sweep] budget")
      }
      settings = try Self.evaluated(settings, file)
      let configuration = try counter.configuration(settings)
      return Run(
        name: point.name, caseName: point.caseName, settings: settings, steps: configuration.steps,
        forwards: try counter.forwards(of: configuration), configuration: configuration.json,
        changed: .array(configuration.changed.map { .string($0) }), program: configuration.task.programNote)
    }
  }

  private static func budget(
    of file: SweepFile, _ given: SweepBudget?, _ points: [SweepPoint], _ counter: inout ForwardCounter
  ) throws -> SweepBudget {
    if let given { return given }
    let steps = file.cases.flatMap(\.axes).filter { $0.table == "run" && $0.key == "steps" }
    if case .forwards? = file.budget, let origin = steps.first?.values.first?.origin {
      throw InputError(
        origin, found: "steps beside a budget of forward passes", expected: "one of them: steps follow the budget")
    }
    if let budget = file.budget { return budget }
    guard let first = points.first?.settings, first["run", "steps"] != nil else {
      throw InputError(
        "\(file.name): [sweep] budget", found: "nothing, and no [run] steps",
        expected: "forwards=N, or [run] steps, whose forward passes in the first run are those of all")
    }
    let values = Set(steps.flatMap(\.values).map(\.given))
    guard values.count == 1 else {
      throw InputError(
        "\(file.name): [run] steps", found: values.sorted().joined(separator: " and "),
        expected: "one number for all runs, or [sweep] budget = \"steps\"")
    }
    return .forwards(try counter.forwards(of: counter.configuration(Self.evaluated(first, file))))
  }

  /// `settings`, with an interval between evaluations where the file gives the number of evaluations.
  private static func evaluated(_ settings: Settings, _ file: SweepFile) throws(InputError) -> Settings {
    guard let evaluations = file.evaluations else { return settings }
    if let given = settings["run", "eval-every"] {
      throw InputError(
        given.origin, found: "eval-every beside [sweep] evaluations", expected: "one of them")
    }
    guard case .typed(.int(let steps))? = settings["run", "steps"]?.value else { return settings }
    var settings = settings
    settings["run", "eval-every"] = Setting(
      .typed(.int(max(1, steps / evaluations))), origin: "\(file.name): [sweep] evaluations")
    return settings
  }

  /// The content of the file `sweep.json`: the runs, and why some of them failed.
  public func json(failures: [String: String]) -> JSON {
    [
      "budget": .string("\(budget)"),
      "runs": .array(
        runs.map { run in
          [
            "name": .string(run.name), "case": run.caseName.map { .string($0) } ?? .null, "steps": .int(run.steps),
            "forwards": .int(run.forwards),
            "failure": failures[run.name].map { .string($0) } ?? .null,
            "configuration": run.configuration, "changed": run.changed,
          ]
        }),
    ]
  }

  /// A row for each run, for `--dry-run`.
  public var table: Table {
    var table = Table([.left("run"), .right("steps"), .right("forwards")])
    for run in runs { table.rows.append([run.name, "\(run.steps)", "\(run.forwards)"]) }
    return table
  }
}
