import Zeroth
import ZerothSupport

/// The known tasks, and the objectives with which they can be trained, by name.
public struct TaskRegistry: Sendable {
  /// The tasks in the order they were added.
  public private(set) var tasks: [TextTask]
  /// The objectives in the order they were added.
  public private(set) var objectives = TaskObjective.standard
  /// Whether a task that a file describes may start programs.
  public var allowsCommands = true

  /// The tasks and objectives of this package.
  public static let standard = TaskRegistry([
    .sst2, .sst5, .trec, .rte, .snli, .mnli, .cb, .boolq, .wsc, .wic, .multirc, .copa, .squad, .drop,
  ])

  private init(_ tasks: [TextTask]) { self.tasks = tasks }

  /// Adds a task.
  ///
  /// `task(named:)` ignores case and hyphens, so it could not find a second task whose name differs only in these.
  /// Throws `InputError` for such a name and for one that is taken.
  public mutating func add(_ task: TextTask) throws(InputError) {
    let name = Self.plain(task.name)
    if let other = tasks.first(where: { Self.plain($0.name) == name }) {
      throw InputError(
        "task '\(task.name)'", found: "the task '\(other.name)', which goes by the same name",
        expected: "a name that differs in more than case and hyphens")
    }
    tasks.append(task)
  }

  /// Adds an objective. Throws `InputError` for a name that is taken.
  public mutating func add(_ objective: TaskObjective) throws(InputError) {
    guard !objectives.contains(objective) else {
      throw InputError(
        "objective '\(objective.name)'", found: "an objective of that name", expected: "a name that is not taken")
    }
    objectives.append(objective)
  }

  /// The objective called `name` for `task`. Throws `InputError` where there is none, with the nearest name, and where
  /// it does not fit the task.
  public func objective(named name: String, for task: TextTask) throws(InputError) -> TaskObjective {
    guard let objective = objectives.first(where: { $0.name == name }) else {
      throw InputError(
        "objective", found: "'\(name)'",
        expected: Suggestion.expected(for: name, among: task.objectives(among: objectives).map(\.name)))
    }
    guard objective.kinds.contains(task.kind) else { throw task.misfit(name, among: objectives) }
    return objective
  }

  /// The task called `name`, in any case and with or without hyphens. Throws an `InputError` that names the nearest
  /// task where there is none.
  public func task(named name: String) throws(InputError) -> TextTask {
    let wanted = Self.plain(name)
    if let task = tasks.first(where: { Self.plain($0.name) == wanted }) { return task }
    throw InputError(
      "task", found: "'\(name)'", expected: Suggestion.expected(for: wanted, among: tasks.map(\.name)))
  }

  private static func plain(_ name: String) -> String { name.lowercased().filter { $0.isLetter || $0.isNumber } }
}
