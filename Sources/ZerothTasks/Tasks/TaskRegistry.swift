import Zeroth

/// The tasks there are, by name.
public struct TaskRegistry: Sendable {
  /// The tasks in the order they were added.
  public private(set) var tasks: [TextTask]

  /// The tasks of this package.
  public static let standard = TaskRegistry([
    .sst2, .sst5, .trec, .rte, .snli, .mnli, .cb, .boolq, .wsc, .wic, .multirc, .copa, .squad, .drop,
  ])

  private init(_ tasks: [TextTask]) { self.tasks = tasks }

  /// Adds a task.
  ///
  /// `task(named:)` ignores case and hyphens, so it would never find a second task whose name differs in those alone:
  /// such a name is taken. Throws `InputError` for one.
  public mutating func add(_ task: TextTask) throws(InputError) {
    let name = Self.plain(task.name)
    if let other = tasks.first(where: { Self.plain($0.name) == name }) {
      throw InputError(
        "task '\(task.name)'", found: "the task '\(other.name)', which goes by the same name",
        expected: "a name that differs in more than case and hyphens")
    }
    tasks.append(task)
  }

  /// The task called `name`, in any case and with or without hyphens. Throws `InputError` naming the nearest.
  public func task(named name: String) throws(InputError) -> TextTask {
    let wanted = Self.plain(name)
    if let task = tasks.first(where: { Self.plain($0.name) == wanted }) { return task }
    let names = tasks.map(\.name)
    let nearest = names.map { (name: $0, edits: Self.edits($0, wanted)) }.min { $0.edits < $1.edits }
    let hint = nearest.map { $0.edits <= max(1, wanted.count / 2) ? "'\($0.name)' perhaps, or another of " : "" } ?? ""
    throw InputError("task", found: "'\(name)'", expected: "\(hint)\(names.joined(separator: ", "))")
  }

  /// What names are compared by: their letters, in lower case, and digits.
  private static func plain(_ name: String) -> String { name.lowercased().filter { $0.isLetter || $0.isNumber } }

  /// Insertions, deletions and replacements that make one word the other (Levenshtein).
  private static func edits(_ a: String, _ b: String) -> Int {
    var row = Array(0...b.count)
    for (i, left) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, right) in b.enumerated() {
        let replaced = diagonal + (left == right ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
      }
    }
    return row[b.count]
  }
}
