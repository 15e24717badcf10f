import ZerothCommands
import ZerothModels
import ZerothTasks

/// A tool of one's own: every command, with a task and a family of models that the package does not have.
@main
struct OwnTool {
  static func main() {
    ZerothTool.main(named: "own-tool") {
      try $0.tasks.add(.headlines)
      try $0.families.add(.ownLlama)
    }
  }
}

extension ModelFamily {
  /// Llama under a name of its own.
  static let ownLlama = ModelFamily(decoder: "own_llama") { c in
    var d = try DecoderDescription(llamaLike: c, DecoderDefaults())
    try d.turn(by: c)
    return (d, DecoderTensors())
  }
}

extension TextTask {
  /// Whether a headline is about sport, without an example row of its own.
  static let headlines = TextTask(
    name: "headlines", summary: "the section of a headline, two classes", columns: [["headline", "text"]],
    classes: [ClassLabel("sport", "0"), ClassLabel("politics", "1")], prompt: { "\($0["headline"]) This is " })
}
