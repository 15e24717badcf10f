import Zeroth
import ZerothModels
import ZerothRecords
import ZerothStrategies
import ZerothSupport
import ZerothTasks

extension TaskResult {
  /// The scores by name and the loss. Where the task has classes, also their accuracies and the confusion table
  /// (`confusion[label][prediction]`).
  public var json: [JSON.Member] {
    var members: [JSON.Member] = scores.values.map { .init($0.metric.rawValue, .double($0.value)) }
    if let loss { members.append(.init("loss", .double(loss))) }
    if unanswered > 0 { members.append(.init("unanswered", .int(unanswered))) }
    guard let classes else { return members }
    let words = task.classes.map { JSON.string($0.title) }
    let accuracies = classes.perClassAccuracy.map { $0.map { JSON.double($0) } ?? .null }
    let confusion = classes.confusion.map { JSON.array($0.map { .int($0) }) }
    members.append(.init("classes", .array(words)))
    members.append(.init("per_class_accuracy", .array(accuracies)))
    members.append(.init("confusion", .array(confusion)))
    return members
  }

  /// The confusion table: a row for each right class, a column for each predicted one. Nil where the task has no
  /// classes.
  public var table: String? {
    guard let classes else { return nil }
    let words = task.classes.map(\.title)
    let hasGaps = unanswered > 0
    let gaps: [Table.Column] = hasGaps ? [.right("no answer")] : []
    var table = Table([.left("class")] + words.map { .right("as \($0)") } + gaps + [.right("right")])
    for (label, word) in words.enumerated() {
      let counts = (classes.confusion[label] + (hasGaps ? [classes.unanswered[label]] : [])).map { "\($0)" }
      table.rows.append([word] + counts + [classes.perClassAccuracy[label].map(Human.percent) ?? "-"])
    }
    return table.text
  }
}
