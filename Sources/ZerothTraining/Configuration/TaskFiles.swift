import TOMLKit
import Zeroth
import ZerothSupport
import ZerothTasks

extension TaskRegistry {
  /// The task called `name`. Where `name` ends in `.toml`, it is the task that this file describes.
  ///
  /// Throws an `InputError` that names the nearest task, or the file and the key; and one for a file that names a
  /// program where starting programs is not allowed.
  public func task(_ name: String) throws(InputError) -> TextTask {
    guard TaskFile.isPath(name) else { return try task(named: name) }
    let text = try Settings.text(ofFile: name, expected: "a task in TOML")
    let task = try TaskFile.task(JSON(Settings.document(text, name: name), subject: name), path: name, text: text)
    if let program = task.reward?.program, !allowsCommands {
      throw InputError(
        "\(name): reward.command", found: "the program \(program)", expected: "none, as --no-commands was given")
    }
    return task
  }
}

extension TextTask {
  /// The note that is shown before the program in the task's file is started; nil where the file names none.
  var programNote: String? {
    reward?.program.map { "reward: starts the program \($0), as the task's file says (--no-commands refuses it)" }
  }
}

extension JSON {
  /// The value of a TOML document as JSON. The members of tables are sorted by the bytes of their keys. Throws
  /// `InputError` for a date.
  init(_ value: any TOMLValueConvertible, subject: String) throws(InputError) {
    if let table = value.table {
      var members: [Member] = []
      for key in table.keys.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
        guard let value = table[key] else { continue }
        members.append(Member(key, try JSON(value, subject: "\(subject): \(key)")))
      }
      self = .object(members)
    } else if let array = value.array {
      var elements: [JSON] = []
      for index in 0..<array.count { elements.append(try JSON(array[index], subject: "\(subject)[\(index)]")) }
      self = .array(elements)
    } else if let text = value.string {
      self = .string(text)
    } else if let bool = value.bool {
      self = .bool(bool)
    } else if let int = value.int {
      self = .int(int)
    } else if let double = value.double {
      self = .double(double)
    } else {
      throw InputError(
        subject, found: "a TOML \(value.type)", expected: "a text, a number, true, false, an array or a table")
    }
  }
}
