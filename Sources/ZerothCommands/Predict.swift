import ArgumentParser
import Zeroth
import ZerothModels
import ZerothSupport
import ZerothTasks
import ZerothTraining

struct Predict: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Answer the rows of a file, which need no labels: a JSON object a line.",
    discussion: """
      `prediction` is the class as data files have it, the chosen text, or the generated one; a classification has the scores \
      of its candidates beside it. With --json they are one document, `rows`; beside --out it has their number alone.
      """)

  @OptionGroup var asked: AskedModelOptions
  @Option(help: "The file of the rows; labels in it are left aside. Required.", completion: .file())
  var data: String
  @Option(help: "A file for the answers. Default: standard output.", completion: .file())
  var out: String?
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    try threads.apply()
    if let out { try Predictions.requirePlace(out, besides: [data, asked.task]) }
    if data.isFolder {
      throw InputError("--data", found: "the folder '\(data)'", expected: "a file with the rows to answer")
    }
    let task = try ZerothTool.toolbox.tasks.task(asked.task)
    guard task.kind != .text else {
      throw InputError("task \(task.name)", found: "texts as they are, which ask nothing", expected: "a task that does")
    }
    let setup = try TaskSetup(
      modelPath: asked.model, task: task, data: data, seed: 0, chat: asked.chat, tuning: try asked.tuning(),
      scope: .questions,
      families: ZerothTool.toolbox.families)
    let theta = try setup.model.loadFrozenParameters()
    let found = try setup.evaluate(.test, at: theta)
    for note in setup.notes { StandardStreams.tell(note.printable() + "\n") }
    let predictions = Predictions(unlabelled: found, setup.examples(.test))
    if let out { try predictions.write(to: out) }
    if output.json {
      let counts: [JSON.Member] = [.init("count", .int(found.count)), .init("unanswered", .int(found.unanswered))]
      print(JSON.object(counts + (out == nil ? [.init("rows", .array(predictions.rows))] : [])).pretty)
    } else if out == nil {
      for row in predictions.rows { print(row) }
    }
    if found.unanswered > 0 {
      StandardStreams.tell(
        "\(ZerothTool.name): \(found.unanswered) of \(found.count) rows have no answer, as the model's output is not finite\n"
      )
      throw ExitCode(1)
    }
  }
}
