import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothModels
import ZerothResources

@testable import ZerothRecords
@testable import ZerothStrategies
@testable import ZerothSupport
@testable import ZerothTasks
@testable import ZerothTraining

/// Runs on a reward: by a program, by what is built in, and by a closure.
@Suite(.serialized) struct RewardRunTests {
  private let scratch: Scratch
  private let data: String

  /// Twenty beginnings of reviews.
  init() throws {
    scratch = try Scratch()
    let things = ["film", "story", "plot", "music", "cast"]
    let words = ["The", "This", "A", "My"]
    let rows = words.flatMap { word in things.map { #"{"begin": "\#(word) \#($0)", "thing": "\#($0)"}"# } }
    data = try scratch.write(rows, to: "rows.jsonl")
  }

  /// A program that counts the letter e in an answer, and what it does more.
  private func write(program lines: [String]) throws {
    _ = try scratch.write(
      ["import json, os, sys", "for line in sys.stdin:", "    row = json.loads(line)"] + lines.map { "    " + $0 }
        + ["    print(row['answer'].count('e') / 10 + 0.01 * len(row['row']['thing']))"], to: "score.py")
  }

  private func task(_ reward: [String], name: String = "letters") throws -> String {
    try scratch.write(
      [
        "name = \"\(name)\"", "kind = \"reward\"", "prompt = \"{begin}\"", "train = 10", "dev = 4", "test = 4",
        "[reward]", "max-tokens = 6",
      ] + reward, to: "\(name).toml")
  }

  private func settings(_ task: String, steps: Int, out: String? = nil, run: [String: OptionValue] = [:]) throws
    -> Settings
  {
    var values: [String: OptionValue] = [
      "optimizer": "lozo", "batch": 3, "seed": 1, "steps": .int(steps), "eval-every": 3, "snapshot-every": 2,
      "threads": 2,
    ]
    if let out { values["out"] = .string("\(scratch.path)/\(out)") }
    return try Settings([
      "model": ["path": .string(Embedded.modelName)], "task": ["name": .string(task), "data": .string(data)],
      "run": values.merging(run) { $1 }, "estimator": ["epsilon": 0.01, "queries": 2], "rule": ["learning-rate": 0.001],
    ])
  }

  private func run(_ settings: Settings, resuming: Bool = false, _ said: (String) -> Void = { _ in }) throws
    -> RunResult
  {
    let configuration = try RunConfiguration(settings)
    var lines: [String] = []
    let progress = ProgressLine(
      "x", total: configuration.steps,
      output: .init(isTerminal: false, width: 80, interval: 0, now: { 0 }) { lines.append($0) })
    let result = try TrainingRun(configuration, progress: progress).run(resuming: resuming)
    lines.forEach(said)
    return result
  }

  private static let program = ["command = [\"python3\", \"score.py\"]"]

  @Test func aProgramScoresAndAReplayNeedsNone() throws {
    try write(program: ["open('rows', 'a').write(line)"])
    let task = try task(Self.program + ["temperature = 0.9", "top-p = 0.95", "seed = 4"])
    var said: [String] = []
    let result = try run(settings(task, steps: 6, out: "run")) { said.append($0) }
    #expect(result.zeroShot.metric == .reward && result.outcome == .complete)
    #expect(said.contains { $0.contains("starts the program python3 score.py in \(scratch.path)") })
    // Of each answer a line: of test and dev at first, of 4 points and 3 rows in each of 6 steps, of dev twice more, and of test.
    let lines = try String(contentsOfFile: scratch.path + "/rows", encoding: .utf8).split(separator: "\n")
      .map { try JSON(parsing: Data($0.utf8), subject: "") }
    #expect(lines.count >= 8 + 6 * 12 + 8 && lines.allSatisfy { $0["row"]?["thing"]?.string != nil })
    #expect(Set(lines.compactMap { $0["answer"]?.string }).count > 10)

    // What is on record are the rewards, and how they spread.
    let files = RunFiles(scratch.path + "/run")
    let rows = try Metrics.read(files.metrics)
    let steps = rows.compactMap { if case .step(let row) = $0 { row } else { nil } }
    #expect(steps.count == 6)
    for row in steps {
      let rewards = try #require(row.rewards)
      let mean = row.losses.reduce(0, +) / Double(row.losses.count)
      #expect(abs(rewards.mean + mean) < 1e-12 && row.losses.count == 4)
      let variance = row.losses.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 4
      #expect(abs(rewards.overPoints - variance.squareRoot()) < 1e-12 && (0...1).contains(rewards.changed))
      #expect((rewards.overPoints > 0) == (Set(row.losses).count > 1) && rewards.overExamples >= 0)
    }
    #expect(steps.contains { $0.losses[0] != $0.losses[1] }, "a direction changes the reward")
    let best = rows.compactMap { if case .evaluation(let row) = $0, row.split == "dev" { row.mainScore } else { nil } }
      .max()
    #expect(result.bestDev.main == best)

    // Neither the program nor its folder is needed any more.
    try FileManager.default.removeItem(atPath: scratch.path + "/score.py")
    try FileManager.default.removeItem(atPath: task)
    let replayed = try ReplayedRun(files.folder, modelPath: nil, out: scratch.path + "/tuned", step: 6)
    #expect(replayed.weights == result.weights)
  }

  /// A program that fails ends the run with what it said; the run then goes on as if nothing had happened.
  @Test(arguments: ["raise ValueError('no such word')", "print('nan'); continue", "os._exit(3)"])
  func aRunGoesOnAfterTheProgramFailed(failure: String) throws {
    let task = try task(Self.program)
    try write(program: [])
    let whole = try run(settings(task, steps: 6, out: "whole"))
    let before = 8 + 3 * 12 + 5  // in the fourth step
    try write(program: ["count = globals().get('count', 0) + 1", "if count == \(before):", "    \(failure)"])
    let error = inputError { _ = try run(settings(task, steps: 6, out: "run")) }
    #expect(error?.subject.hasPrefix("\(task): reward.command") == true, "\(String(describing: error))")
    if failure.contains("Value") { #expect(error?.found.contains("ValueError: no such word") == true) }
    let log = RunFiles(scratch.path + "/run")
    let done = try Metrics.read(log.metrics).compactMap { if case .step(let row) = $0 { row.step } else { nil } }
    #expect(done == [0, 1, 2])
    try write(program: [])
    let resumed = try run(settings(task, steps: 6, out: "run"), resuming: true)
    #expect(resumed.weights == whole.weights && resumed.bestDev == whole.bestDev && resumed.final == whole.final)
  }

  /// What is on record needs no program: it is started at the first new step, and its file may have changed its place by then.
  @Test func aResumeStartsItAtTheFirstNewStep() throws {
    try write(program: [])
    let task = try task(Self.program)
    _ = try run(settings(task, steps: 4, out: "run"))
    try FileManager.default.removeItem(atPath: scratch.path + "/score.py")
    let error = inputError { _ = try run(settings(task, steps: 5, out: "run"), resuming: true) }
    #expect(error?.found.contains("its last words: ") == true && error?.found.contains("score.py") == true)
    _ = try scratch.write(["import sys", "for line in sys.stdin: print(0)"], to: "other.py")
    _ = try self.task(["command = [\"python3\", \"other.py\"]", "time-limit = 9"])
    #expect(try run(settings(task, steps: 5, out: "run"), resuming: true).steps == 5)
    _ = try self.task(["command = [\"python3\", \"other.py\"]", "temperature = 1"])
    let changed = inputError { _ = try run(settings(task, steps: 6, out: "run"), resuming: true) }
    #expect(changed?.subject.hasSuffix("input 'task'") == true)
  }

  /// The sentence for a reward that no direction changes says which of the two causes it has.
  @Test func aFlatRewardIsSaid() throws {
    func said(_ reward: [String], epsilon: String) throws -> [String] {
      var lines: [String] = []
      var settings = try settings(task(reward), steps: 4)
      try settings.set("estimator.epsilon=\(epsilon)")
      let result = try run(settings) { lines.append($0) }
      #expect(result.flatSteps == 4)
      return lines.filter { $0.contains("no direction") }
    }
    let small = try said(["builtin = \"length\"", "target = 5"], epsilon: "1e-9")
    #expect(small.count == 2 && small[0].contains("no answer changed either: an epsilon of 1e-09 is too small"))
    #expect(small.last?.contains("in 4 of the steps") == true)
    let coarse = try said(["builtin = \"json\""], epsilon: "0.05")
    #expect(coarse.first?.contains("answers did change, so the reward is too coarse") == true, "\(coarse)")
  }

  @Test func programsCanBeRefused() throws {
    let task = try task(Self.program)
    var tasks = TaskRegistry.standard
    tasks.allowsCommands = false
    let error = inputError { _ = try tasks.task(task) }
    #expect(
      error?.subject == "\(task): reward.command" && error?.found == "the program python3 score.py in \(scratch.path)")
    #expect(try tasks.task(self.task(["builtin = \"json\""])).reward != nil)
  }

  /// A closure is a reward too, and a model gets better at what it is rewarded for: here the letter e, of which it says many in the
  /// end. On the test rows the best model
  /// gained 0.64, 0.10 and 0.16 with the seeds 1 to 3.
  @Test func aClosureIsLearned() throws {
    let reward = Reward("letters") { Double($0.answer.count { $0 == "e" }) / 10 }
    let task = TextTask(
      name: "letters", summary: "how often the letter e is said", reward: reward, prompt: { $0["begin"] },
      read: { record in [Example(fields: ["begin": try record.text("begin")], label: 0, source: record.source)] }
    ).with {
      $0.splitSize = .total(train: 10, dev: 5)
      $0.answerEnd = AnswerEnd(length: 10, texts: [])
    }
    var tasks = TaskRegistry.standard
    try tasks.add(task)
    var settings = try settings("letters", steps: 30, run: ["batch": 10, "eval-every": 10])
    try settings.set("estimator.queries=4")
    let configuration = try RunConfiguration(settings, tasks: tasks)
    let result = try TrainingRun(configuration).run()
    #expect(result.bestDev.main > result.zeroShotDev.main + 0.1, "\(result.zeroShotDev) to \(result.bestDev)")
  }

  /// `Examples/tasks/reward` as it stands, on the embedded model and in fewer steps.
  @Test func theExampleRuns() throws {
    let folder = SharedMaterial.package.appendingPathComponent("Examples/tasks/reward").path
    var settings = try Settings(file: folder + "/run.toml")
    for (name, value) in [
      ("task.name", folder + "/ten-words.toml"), ("task.data", folder + "/things.csv"), ("task.train", "12"),
      ("task.dev", "4"), ("task.test", "4"), ("task.chat", "false"), ("model.path", Embedded.modelName),
      ("model.storage", "float32"), ("run.steps", "2"), ("run.batch", "3"), ("run.eval-every", "1"),
      ("run.out", scratch.path + "/run"),
    ] { try settings.set("\(name)=\(value)") }
    let result = try run(settings)
    #expect(result.outcome == .complete && result.steps == 2 && (0...1).contains(result.final.main))
    let rows = try Metrics.read(RunFiles(scratch.path + "/run").metrics)
    #expect(rows.count { if case .step(let row) = $0 { row.rewards != nil } else { false } } == 2)
    let setup = try TaskSetup(RunConfiguration(settings))
    let things = [setup.splits.train, setup.splits.dev, setup.splits.test].map { Set($0.map(\.splitKey)) }
    #expect(things[0].isDisjoint(with: things[1]) && things[0].isDisjoint(with: things[2]))
  }

  /// Answers are scored by `evaluate` and kept with their rewards; rows that are asked alone are not scored.
  @Test func predictionsHaveTheirRewards() throws {
    let task = try TaskRegistry.standard.task(task(["builtin = \"f1\"", "answer = \"{thing}\""]))
    let scored = try TaskSetup(modelPath: Embedded.modelName, task: task, data: data, seed: 0, scope: .file)
    let theta = try scored.model.loadFrozenParameters()
    let found = try scored.evaluate(.test, at: theta)
    let rows = Predictions(found, scored.examples(.test)).rows
    let rewards = rows.compactMap { $0["reward"]?.double }
    #expect(rewards.count == 20 && abs(rewards.reduce(0, +) / 20 - found.scores.main) < 1e-12)
    let asked = try TaskSetup(modelPath: Embedded.modelName, task: task, data: data, seed: 0, scope: .questions)
    let answers = Predictions(unlabelled: try asked.evaluate(.test, at: theta), asked.examples(.test)).rows
    #expect(
      answers.map { $0["prediction"] } == rows.map { $0["prediction"] } && answers.allSatisfy { $0["reward"] == nil })
  }
}
