import ZerothCommands
import ZerothTasks

/// A tool of one's own: every command, with a task that the package does not have.
@main
struct OwnTool {
  static func main() { ZerothTool.main(named: "own-tool") { try $0.tasks.add(.headlines) } }
}

extension TextTask {
  /// Whether a headline is about sport, without an example row of its own.
  static let headlines = TextTask(
    name: "headlines", summary: "the section of a headline, two classes", columns: [["headline", "text"]],
    classes: [ClassLabel("sport", "0"), ClassLabel("politics", "1")], prompt: { "\($0["headline"]) This is " })
}
