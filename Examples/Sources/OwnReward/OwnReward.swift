import Foundation
import Zeroth
import ZerothSupport
import ZerothTasks
import ZerothTraining

/// A model that is tuned on a function of what it says. The function is of one's own, and has no gradient.
///
///     OwnReward [STEPS]
///
/// The model that the package carries goes on after beginnings of film reviews. The reward of what it says is the part of its words that
/// praise.
@main struct OwnReward {
  static func main() throws {
    let steps = CommandLine.arguments.dropFirst().first.flatMap(Int.init) ?? 40
    let praise: Set = [
      "good", "great", "best", "excellent", "wonderful", "perfect", "funny", "beautiful", "love", "loved",
    ]
    let reward = Reward("praise") { answer in
      let words = answer.answer.lowercased().split { !$0.isLetter }
      return words.isEmpty ? 0 : Double(words.filter { praise.contains(String($0)) }.count) / Double(words.count)
    }
    var task = TextTask(name: "praise", summary: "reviews that praise", reward: reward, prompt: { $0["begin"] }) {
      [Example(fields: ["begin": try $0.text(["begin"])], label: 0, source: $0.source)]
    }
    task.answerEnd = AnswerEnd(length: 12, texts: [])
    var tasks = TaskRegistry.standard
    try tasks.add(task)

    // The beginnings, an object a line.
    let words = ["The", "This", "A", "My", "Your", "One"]
    let things = ["film", "story", "plot", "music", "cast", "scene", "ending", "hero"]
    let rows = words.flatMap { word in things.map { "{\"begin\": \"\(word) \($0)\"}" } }
    let data = FileManager.default.temporaryDirectory.appendingPathComponent("beginnings-\(getpid()).jsonl").path
    try rows.joined(separator: "\n").write(toFile: data, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: data) }

    let settings = try Settings([
      "model": ["path": "imdb-opt"],
      "task": ["name": "praise", "data": .string(data), "train": 24, "dev": 12, "test": 12],
      "run": ["optimizer": "lozo", "steps": .int(steps), "batch": 8, "seed": 1, "eval-every": 20],
      "estimator": ["queries": 4, "epsilon": 1e-2], "rule": ["learning-rate": 1e-3],
    ])
    let result = try TrainingRun(RunConfiguration(settings, tasks: tasks)).run()
    print("reward on test before: \(result.zeroShot.main), after \(result.steps) steps: \(result.final.main)")
  }
}
