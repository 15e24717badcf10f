import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothModels
import ZerothResources
import ZerothTasks

@testable import ZerothRecords
@testable import ZerothStrategies
@testable import ZerothSupport
@testable import ZerothTraining

/// Whole runs of a few steps on tasks of every kind, by every objective.
@Suite(.serialized) struct TaskRunTests {
  static let tasks: TaskRegistry = {
    var tasks = TaskRegistry.standard
    do { try tasks.add(.riddles) } catch { Issue.record("\(error)") }
    return tasks
  }()

  /// Rows whose number of choices goes from 2 to 5.
  static let riddles: [String] = (0..<20).map { i in
    let words = ["film", "story", "great cast", "plot", "waste of time"].prefix(2 + i % 4).map { "\"\($0)\"" }
    return #"{"riddle": "Riddle \#(i):", "choices": [\#(words.joined(separator: ", "))], "answer": \#(words[i % 2])}"#
  }

  static let questions: [String] = (0..<8).map { i in
    """
    {"title": "T", "context": "Film \(i) was seen.", "question": "What was seen?", \
    "answers": {"text": ["the film", "film \(i)"]}}
    """
  }

  func configuration(
    _ task: [String: OptionValue], out: String?, steps: Int = 3, run: [String: OptionValue] = [:],
    epsilon: Double = 1e-2
  ) throws -> RunConfiguration {
    var run: [String: OptionValue] = run.merging([
      "optimizer": "mezo", "steps": .int(steps), "batch": 4, "seed": 3, "eval-every": 1,
    ]) { given, _ in given }
    if let out { run["out"] = .string(out) }
    let settings = try Settings([
      "model": ["path": "imdb-opt"], "task": task, "run": run, "estimator": ["epsilon": .double(epsilon)],
      "rule": ["learning-rate": 1e-3],
    ])
    return try RunConfiguration(settings, tasks: Self.tasks)
  }

  func bytes(_ path: String) throws -> Data { try #require(FileManager.default.contents(atPath: path)) }

  /// Runs it, checks the record, and replays it bit for bit.
  @discardableResult
  func train(_ configuration: RunConfiguration, _ scratch: Scratch, name: String = "run") throws -> RunResult {
    let files = RunFiles(try #require(configuration.out))
    let result = try TrainingRun(configuration).run()
    #expect(result.steps == configuration.steps && result.skipped == 0 && !result.isCutShort)
    let again = try ReplayedRun(files.folder, modelPath: nil, out: "\(scratch.path)/again", tasks: Self.tasks)
    #expect(again.steps == result.bestStep)
    #expect(try bytes("\(scratch.path)/again/model.safetensors") == bytes(files.model + "/model.safetensors"))
    let text = String(decoding: try bytes(files.record), as: UTF8.self)
    #expect(text.contains("\"objective\": \"\(configuration.objective.name)\""))
    return result
  }

  func losses(_ configuration: RunConfiguration) throws -> [Double] {
    try Metrics.read(RunFiles(try #require(configuration.out)).metrics).flatMap { row in
      if case .step(let step) = row { step.losses } else { [Double]() }
    }
  }

  @Test(arguments: TextTask.sst2.objectives)
  func classificationByEveryObjective(objective: TaskObjective) throws {
    let scratch = try Scratch()
    let configuration = try configuration(
      ["name": "sst2", "k": 8, "test": 20, "objective": .string(objective.name)], out: scratch.path + "/run")
    let result = try train(configuration, scratch)
    #expect(result.final.metric == .accuracy && (0...1).contains(result.final.main))
    let losses = try losses(configuration)
    if objective == .accuracy {
      #expect(losses.allSatisfy { (-1...0).contains($0) && ($0 * 4).rounded() == $0 * 4 })
    } else {
      #expect(losses.allSatisfy { $0 > 0 })
    }
    #expect(Set(losses).count > 1)
  }

  /// The cross-entropy again, as somebody else's function of the scores.
  @Test func anObjectiveFromOutside() throws {
    var tasks = TaskRegistry.standard
    let mine = TaskObjective("my-cross-entropy", "the cross-entropy, written anew") { scores, label in
      log(scores.reduce(0) { $0 + exp($1) }) - scores[scores.startIndex + label]
    }
    try tasks.add(mine)
    let taken = #expect(throws: InputError.self) { try tasks.add(mine) }
    #expect(taken?.description.contains("my-cross-entropy") == true)
    func losses(_ objective: String) throws -> [Double] {
      let scratch = try Scratch()
      let settings = try Settings([
        "model": ["path": "imdb-opt"],
        "task": ["name": "sst2", "k": 8, "test": 20, "objective": .string(objective)],
        "run": ["optimizer": "mezo", "steps": 3, "batch": 4, "seed": 3, "out": .string(scratch.path + "/run")],
      ])
      let configuration = try RunConfiguration(settings, tasks: tasks)
      #expect(configuration.objective.name == objective)
      _ = try TrainingRun(configuration).run()
      return try self.losses(configuration)
    }
    let (theirs, ours) = (try losses("my-cross-entropy"), try losses("cross-entropy"))
    #expect(theirs.count == 6 && ours.count == 6)
    for (a, b) in zip(theirs, ours) { #expect(abs(a - b) < 1e-5 * abs(b)) }
    let error = #expect(throws: InputError.self) {
      try RunConfiguration(
        Settings([
          "model": ["path": "imdb-opt"], "task": ["name": "squad", "objective": "my-cross-entropy"],
          "run": ["optimizer": "mezo", "steps": 3],
        ]), tasks: tasks)
    }
    #expect(error?.description.contains("task squad: objective: found 'my-cross-entropy'") == true)
  }

  /// An epsilon that changes predictions makes -accuracy fall and rise, and so the weights move.
  @Test func minusAccuracyMovesTheWeights() throws {
    let scratch = try Scratch()
    let configuration = try configuration(
      ["name": "sst2", "k": 16, "test": 20, "objective": "accuracy"], out: scratch.path + "/run", steps: 6,
      run: ["batch": 32], epsilon: 3e-2)
    try train(configuration, scratch)
    let end = try ReplayedRun(scratch.path + "/run", modelPath: nil, out: scratch.path + "/end", step: 6)
    let base = try CausalModel(directory: Embedded.model()).loadParameters()
    #expect(end.weights != base.contentHash())
  }

  @Test(arguments: TextTask.riddles.objectives)
  func aTaskFromOutsideWithChoicesOfAnyNumber(objective: TaskObjective) throws {
    let scratch = try Scratch()
    let data = try scratch.write(Self.riddles, to: "riddles.jsonl")
    let configuration = try configuration(
      ["name": "riddles", "data": .string(data), "test": 8, "objective": .string(objective.name)],
      out: scratch.path + "/run")
    #expect(configuration.sample == .total(train: 8, dev: 4))
    let bench = try TaskSetup(configuration)
    #expect(Set(bench.splits.train.map(\.choices.count)).count > 1)
    let result = try train(configuration, scratch)
    #expect(result.final.values.map(\.metric) == [.accuracy])
  }

  @Test(arguments: TextTask.squad.objectives)
  func generatedAnswers(objective: TaskObjective) throws {
    let scratch = try Scratch()
    let data = try scratch.write(Self.questions, to: "squad.jsonl")
    let configuration = try configuration(
      [
        "name": "squad", "data": .string(data), "train": 2, "dev": 1, "test": 1,
        "objective": .string(objective.name),
      ], out: scratch.path + "/run", steps: 2, run: ["batch": 2])
    let result = try train(configuration, scratch)
    #expect(result.final.values.map(\.metric) == [.answerF1, .exactMatch])
    #expect(result.json.contains { $0.key == "best_exact_match" })
    let losses = try losses(configuration)
    #expect(losses.allSatisfy { objective == .f1 ? (-1...0).contains($0) : $0 > 0 })
    let rows = try Metrics.read(RunFiles(scratch.path + "/run").metrics)
    for case .evaluation(let row) in rows { #expect(row.scores.first?.metric == "answer_f1" && row.loss == nil) }
  }

  @Test func anObjectiveThatDoesNotFitIsRefused() throws {
    for (task, objective) in [("sst2", "f1"), ("copa", "f1"), ("squad", "cross-entropy"), ("drop", "accuracy")] {
      let error = try #require(throws: InputError.self) {
        try configuration(["name": .string(task), "objective": .string(objective)], out: nil)
      }
      #expect(error.subject == "task \(task): objective" && error.found == "'\(objective)'")
    }
  }

  @Test func metricsThatDoNotMeasureTheTaskAreRefused() throws {
    let task = TextTask(
      name: "odd", summary: "", kind: .multipleChoice, metrics: [.exactMatch], prompt: { $0["a"] }, read: { _ in [] })
    let error = try #require(throws: InputError.self) { try TaskSetup(modelPath: "imdb-opt", task: task, seed: 1) }
    #expect(error.subject == "task odd: metrics" && error.found == "exact_match")
  }

  /// MultiRC is chosen by F1 and not by accuracy, and a passage's examples stay together.
  @Test(.needs("data/multirc"))
  func theTasksFirstMetricChooses() throws {
    let scratch = try Scratch()
    let configuration = try configuration(
      [
        "name": "multirc", "data": .string(SharedMaterial.path("data/multirc")), "train": 8, "dev": 12, "test": 12,
      ], out: scratch.path + "/run")
    let result = try train(configuration, scratch)
    #expect(result.best.values.map(\.metric) == [.f1, .accuracy])
    let rows = try Metrics.read(RunFiles(scratch.path + "/run").metrics)
    var best = -1.0
    var step = 0
    for case .evaluation(let row) in rows where row.split == "dev" && row.mainScore > best {
      (best, step) = (row.mainScore, row.step)
    }
    #expect(result.bestStep == step && result.bestDev.main == best)
  }

  /// Other test examples change neither a step nor which of them is kept.
  @Test func testNeverChooses() throws {
    let scratch = try Scratch()
    let train = try scratch.write(Self.riddles, to: "train.jsonl")
    let wrong = Self.riddles.enumerated().map { i, row in
      row.replacingOccurrences(of: "Riddle", with: "Other").replacingOccurrences(
        of: i % 2 == 0 ? #""answer": "film""# : #""answer": "story""#,
        with: i % 2 == 0 ? #""answer": "story""# : #""answer": "film""#)
    }
    var kept: [[String]] = []
    for (name, rows) in [("right", Self.riddles), ("wrong", wrong)] {
      let test = try scratch.write(
        rows.map { $0.replacingOccurrences(of: "Riddle", with: "Test") }, to: "\(name).jsonl")
      let configuration = try configuration(
        ["name": "riddles", "data": .string(train), "test-data": .string(test)], out: "\(scratch.path)/\(name)",
        steps: 4)
      let result = try self.train(configuration, scratch)
      let files = RunFiles("\(scratch.path)/\(name)")
      kept.append([
        "\(result.bestStep)", "\(result.bestDev)", "\(try recordedLosses(files.trajectory).map(Array.init))",
        try bytes(files.model + "/model.safetensors").base64EncodedString(),
      ])
    }
    #expect(kept[0] == kept[1])
  }

  @Test func demonstrationsComeFromTrainBySeed() throws {
    let scratch = try Scratch()
    let data = try scratch.write(Self.riddles, to: "riddles.jsonl")
    func bench(_ seed: UInt64, _ count: Int) throws -> TaskSetup {
      try TaskSetup(modelPath: "imdb-opt", task: .riddles, data: data, testCount: 8, seed: seed, demonstrations: count)
    }
    let (none, three) = (try bench(1, 0), try bench(1, 3))
    #expect(none.splits.test.map(\.splitKey) == three.splits.test.map(\.splitKey))
    let theta = try none.model.loadParameters()
    func scores(_ bench: TaskSetup) throws -> [[Double]] {
      guard case .candidates(let found) = try bench.evaluate(.test, at: theta).answers else { return [] }
      return found.scores
    }
    #expect(try scores(three) == scores(bench(1, 3)))
    #expect(try scores(three) != scores(none))
    #expect(throws: InputError.self) { try bench(1, 9) }
  }

  @Test func predictionsOfEveryExample() throws {
    let scratch = try Scratch()
    let data = try scratch.write(Self.riddles, to: "riddles.jsonl")
    let bench = try TaskSetup(modelPath: "imdb-opt", task: .riddles, data: data, testCount: 8, seed: 1)
    let found = try bench.evaluate(.test, at: try bench.model.loadParameters())
    let path = scratch.path + "/predictions.jsonl"
    try Predictions.requirePlace(path)
    try Predictions(found, bench.examples(.test)).write(to: path)
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    #expect(lines.count == bench.splits.test.count)
    var right = 0
    for (i, line) in lines.enumerated() {
      let row = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      let scores = try #require(row["scores"] as? [Double])
      let prediction = try #require(row["prediction"] as? Int)
      #expect(row["index"] as? Int == i && row["file"] as? String == data)
      #expect(row["line"] as? Int == bench.splits.test[i].source.line)
      #expect(row["candidates"] as? [String] == bench.splits.test[i].choices)
      #expect((row["fields"] as? [String: String])?["riddle"] == bench.splits.test[i]["riddle"])
      #expect(scores.count == bench.splits.test[i].choices.count && scores[prediction] == scores.max())
      right += row["label"] as? Int == prediction ? 1 : 0
    }
    #expect(found.scores.main == Double(right) / Double(lines.count))
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).count == 2, "nothing else is left")
    #expect(throws: InputError.self) { try Predictions.requirePlace(scratch.path) }
    #expect(throws: InputError.self) { try Predictions.requirePlace(scratch.path + "/no/p.jsonl") }
  }
}
