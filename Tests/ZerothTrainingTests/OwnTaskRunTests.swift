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

/// Runs on tasks that files describe; the two of `Examples/tasks` in short form.
@Suite(.serialized) struct OwnTaskRunTests {
  private static let examples = SharedMaterial.package.appendingPathComponent("Examples/tasks").path

  private func settings(_ run: [String: OptionValue], task: [String: OptionValue], model: String) throws -> Settings {
    try Settings([
      "model": ["path": .string(model)], "task": task,
      "run": ["optimizer": "lozo", "batch": 4, "seed": 1].merging(run) { $1 },
    ])
  }

  /// The embedded model with a chat template of ChatML.
  private func chatModel(_ scratch: Scratch) throws -> String {
    let model = scratch.path + "/model"
    try FileManager.default.copyItem(atPath: Embedded.model(), toPath: model)
    let template = #"{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"#
    _ = try scratch.write([template], to: "model/chat_template.jinja")
    return model
  }

  private func samples(_ files: RunFiles) throws -> [MetricsRow.Samples] {
    try Metrics.read(files.metrics).compactMap { if case .samples(let row) = $0 { row } else { nil } }
  }

  @Test func theTicketsAreLearnedAndTheRunIsMadeAgain() throws {
    let scratch = try Scratch()
    let file = scratch.path + "/tickets.toml"
    try FileManager.default.copyItem(atPath: Self.examples + "/tickets/tickets.toml", toPath: file)
    let data = Self.examples + "/tickets/tickets.csv"
    let configuration = try RunConfiguration(
      settings(
        ["steps": 120, "batch": 16, "eval-every": 60, "samples": 2, "out": .string(scratch.path + "/run")],
        task: ["name": .string(file), "data": .string(data)], model: Embedded.modelName))
    #expect(configuration.shortName.contains("task=tickets") && !configuration.shortName.contains("toml"))
    let result = try TrainingRun(configuration).run()
    #expect(result.zeroShot.metric == .accuracy && result.zeroShot[.macroF1] != nil)
    #expect(result.bestDev.main > result.zeroShotDev.main, "dev: \(result.zeroShotDev) to \(result.bestDev)")

    let files = RunFiles(scratch.path + "/run")
    let samples = try samples(files)
    #expect(samples.map(\.step) == [0, 60, 120] && samples.allSatisfy { $0.samples.count == 2 })
    #expect(Set(samples.map { $0.samples.map(\.prompt) }).count == 1, "the same rows each time")
    #expect(
      samples[0].samples.allSatisfy {
        ["billing", "it"].contains($0.answer) && ["billing", "it"].contains($0.expected)
      })

    // The file may go: the run has a copy. One that changes is another task.
    try FileManager.default.removeItem(atPath: file)
    let replayed = try ReplayedRun(files.folder, modelPath: nil, out: scratch.path + "/tuned", step: 120)
    #expect(replayed.weights == result.weights)
    let moved = scratch.path + "/elsewhere.toml"
    try FileManager.default.copyItem(atPath: files.task, toPath: moved)
    func resume(_ file: String) throws {
      var settings = try Settings(ofRun: files.record)
      try settings.set("task", "name", Setting(.typed(.string(file)), origin: "test"))
      try settings.set("run", "steps", Setting(.typed(.int(122)), origin: "test"))
      _ = try TrainingRun(RunConfiguration(settings)).run(resuming: true)
    }
    try resume(moved)
    #expect(try self.samples(files).map(\.step) == [0, 60, 120, 122])
    try String(contentsOfFile: moved, encoding: .utf8).replacingOccurrences(of: " money", with: " cash").write(
      toFile: moved, atomically: true, encoding: .utf8)
    #expect(inputError { try resume(moved) }?.subject == "\(files.trajectory): input 'task'")
  }

  @Test func theShortAnswersAreTrainedOn() throws {
    let scratch = try Scratch()
    let configuration = try RunConfiguration(
      settings(
        ["steps": 6, "samples": 1, "eval-every": 3, "out": .string(scratch.path + "/run")],
        task: [
          "name": .string(Self.examples + "/short-answers/short-answers.toml"),
          "data": .string(Self.examples + "/short-answers/chats.jsonl"), "train": 40, "dev": 6, "test": 6,
        ], model: chatModel(scratch)))
    let setup = try TaskSetup(configuration)
    let about = [setup.splits.train, setup.splits.dev, setup.splits.test].map { Set($0.map(\.splitKey)) }
    #expect(
      about[0].isDisjoint(with: about[1]) && about[1].isDisjoint(with: about[2]) && about[0].isDisjoint(with: about[2]))
    let result = try TrainingRun(configuration, setup).run()
    #expect(result.zeroShot.metric == .perplexity && result.zeroShot[.exactMatch] != nil)
    #expect(result.outcome == .complete && result.zeroShot.main > 1)
    #expect(result.row("x")[1] == Human.fixed(result.zeroShot.main, 3), "no percent")
    let kept = try samples(RunFiles(scratch.path + "/run"))
    #expect(kept.count == 3 && kept.allSatisfy { $0.samples[0].answer != nil && !$0.samples[0].expected.isEmpty })
    #expect(kept[0].samples[0].prompt == setup.splits.dev[0].messages[0].content)
  }

  /// Less is better of a perplexity: a run at a good rate has its best after the first evaluation, and replay finds it too.
  @Test func theLeastPerplexityIsTheBest() throws {
    let scratch = try Scratch()
    let text = (0..<60).map { "the film number \($0) was a great and good film" }.joined(separator: "\n\n")
    let data = try scratch.write([text], to: "texts.txt")
    let file = try scratch.write(
      ["kind = \"text\"", "length = 32", "train = 40", "dev = 10", "test = 10"], to: "t.toml")
    let configuration = try RunConfiguration(
      settings(
        ["steps": 40, "eval-every": 20, "out": .string(scratch.path + "/run")],
        task: ["name": .string(file), "data": .string(data)], model: Embedded.modelName))
    let result = try TrainingRun(configuration).run()
    #expect(
      result.bestStep > 0 && result.bestDev.main < result.zeroShotDev.main, "\(result.zeroShotDev) \(result.bestDev)")
    #expect(result.zeroShot.metric == .perplexity && (result.zeroShot[.bitsPerByte] ?? 0) > 0)
    let replayed = try ReplayedRun(scratch.path + "/run", modelPath: nil, out: scratch.path + "/best")
    #expect(replayed.steps == result.bestStep)
    let error = inputError {
      _ = try RunConfiguration(
        settings(["steps": 1, "samples": 2], task: ["name": .string(file), "data": .string(data)], model: "m"))
    }
    #expect(error?.subject == "[run] samples")
  }

  /// Perplexity and bits per byte against the log-probabilities of the whole texts, read out one by one.
  @Test func perplexityIsThatOfTheTokens() throws {
    let scratch = try Scratch()
    let texts = ["a great film", "the story is dull and far too long , and so is the end of it"]
    let data = try scratch.write([texts.joined(separator: "\n")], to: "texts.txt")
    let task = try TaskFile.task(["kind": "text", "rows": "lines", "length": 5], path: "t.toml", text: "")
    let setup = try TaskSetup(modelPath: Embedded.modelName, task: task, data: data, seed: 0, scope: .file)
    let theta = try setup.model.loadFrozenParameters()
    let found = try setup.evaluate(.test, at: theta)
    guard case .texts(let result) = found.answers else {
      Issue.record("answers of another kind: \(found.answers)")
      return
    }
    // Windows of 5 tokens see less than the whole text, so the reference is cut alike: token by token, from each window's start.
    let model = try #require(setup.model.pretrained as? CausalModel)
    var nats = 0.0
    var count = 0
    for text in texts {
      let tokens = setup.model.tokenizer.encode(text) + model.description.tokens.ends.prefix(1)
      for place in tokens.indices.dropFirst() {
        let start = (place - 1) / 4 * 4
        let seen = Array(tokens[start..<place])
        let logits = try model.evaluate(.init([seen]), .logits(rows: [seen.count - 1], ids: nil), at: theta)[0]
        let top = logits.max() ?? 0
        nats += log(logits.reduce(0) { $0 + exp($1 - top) }) + top - logits[tokens[place]]
        count += 1
      }
    }
    #expect(result.tokens.reduce(0, +) == count)
    #expect(abs(result.perplexity - exp(nats / Double(count))) < 1e-3 * result.perplexity)
    let bytes = texts.reduce(0) { $0 + $1.utf8.count }
    #expect(abs(result.bitsPerByte - nats / log(2) / Double(bytes)) < 1e-3)
  }

  @Test func filesAreScoredWholeAndAnsweredWithoutLabels() throws {
    let scratch = try Scratch()
    let labelled = try scratch.write(["0 dull film", "1 great film", "1 a good one"], to: "all.txt")
    let all = try TaskSetup(modelPath: Embedded.modelName, task: .sst2, data: labelled, seed: 0, scope: .file)
    #expect(all.examples(.test).map(\.source.line) == [1, 2, 3] && all.examples(.train).isEmpty)
    let rows = try scratch.write(
      [#"{"sentence": "dull film"}"#, #"{"sentence": "great film", "label": -1}"#], to: "a.jsonl")
    let asked = try TaskSetup(modelPath: Embedded.modelName, task: .sst2, data: rows, seed: 0, scope: .questions)
    let theta = try asked.model.loadFrozenParameters()
    let answers = Predictions(unlabelled: try asked.evaluate(.test, at: theta), asked.examples(.test)).rows
    #expect(
      answers.count == 2 && answers.allSatisfy { ["0", "1"].contains($0["prediction"]?.string) && $0["label"] == nil })
    let error = inputError {
      _ = try TaskSetup(modelPath: Embedded.modelName, task: .sst2, data: rows, seed: 0, scope: .file)
    }
    #expect(
      error?.subject == "\(rows) line 1: label" && error?.found == "no such field among sentence",
      "\(String(describing: error))")
  }
}
