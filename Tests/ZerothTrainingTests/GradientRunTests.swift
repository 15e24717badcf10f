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

/// Runs that step along gradients and slopes.
@Suite(.serialized) struct GradientRunTests {
  /// Losses of 20 steps by PyTorch (Tests/Fixtures/gradients/adam.py).
  private struct Reference: Decodable {
    let sequences: [[Int]]
    let adam: [Double]
    let sgd: [Double]
  }

  private func losses(_ rule: some StepRule<StoredDirection>, _ reference: Reference) throws -> [Double] {
    let model = try CausalModel(directory: Embedded.model())
    var theta = try model.loadParameters()
    let objective = LanguageModelingObjective(
      model, reference.sequences.map { .init($0) },
      try BatchSampler(count: reference.sequences.count, size: reference.sequences.count, seed: 1))
    var optimizer = Optimizer(estimator: ExactGradient(), rule: rule, seed: 1)
    return try (0..<20).map { _ in try optimizer.step(&theta, objective).losses[0] }
  }

  @Test func twentyStepsHaveTheLossesOfPyTorch() throws {
    let data = try #require(FileManager.default.contents(atPath: SharedMaterial.fixture("gradients/imdb-opt.json")))
    let reference = try JSONDecoder().decode(Reference.self, from: data)
    for (found, expected) in [
      (try losses(Adam(learningRate: 1e-4), reference), reference.adam),
      (try losses(SGD(learningRate: 1e-2), reference), reference.sgd),
    ] {
      #expect(found.count == 20 && expected.count == 20)
      for (a, b) in zip(found, expected) { #expect(abs(a - b) <= 1e-4 * b, "\(a), \(b)") }
      #expect(expected[19] < 0.9 * expected[0])
    }
  }

  private func configuration(
    _ optimizer: String, _ out: String?, steps: Int = 6, more: [String: [String: OptionValue]] = [:]
  ) throws -> RunConfiguration {
    var settings: [String: [String: OptionValue]] = [
      "model": ["path": "imdb-opt"], "task": ["name": "sst2", "k": 4, "test": 8],
      "run": [
        "optimizer": .string(optimizer), "steps": .int(steps), "batch": 2, "seed": 3, "eval-every": 3,
        "snapshot-every": 2,
      ],
    ]
    if let out { settings["run"]?["out"] = .string(out) }
    for (table, values) in more { settings[table, default: [:]].merge(values) { $1 } }
    return try RunConfiguration(Settings(settings), Registry.withPlugins())
  }

  static let runs: [(String, [String: [String: OptionValue]])] = [
    ("ft-sgd", ["rule": ["learning-rate": 1e-3]]), ("ft-adam", ["rule": ["learning-rate": 1e-5]]),
    ("forward-gradient", ["rule": ["learning-rate": 1e-5]]),
    ("forward-gradient", ["rule": ["learning-rate": 1e-5], "estimator": ["name": "low-rank-forward-gradient"]]),
    ("mezo", ["adapter": ["name": "dizo", "search": "first-order", "interval": 2, "moves": 2]]),
    ("ft-sgd", ["rule": ["learning-rate": 1e-3], "task": ["objective": "language-modeling"]]),
  ]

  /// A run that is cut off and resumed ends with the bits of one that is not, with and without its snapshots, and `replay` makes
  /// its best model.
  @Test(arguments: runs)
  func resumesAndReplaysBitForBit(optimizer: String, more: [String: [String: OptionValue]]) throws {
    let scratch = try Scratch()
    let (whole, cut) = (RunFiles(scratch.path + "/whole"), RunFiles(scratch.path + "/cut"))
    let expected = try TrainingRun(configuration(optimizer, whole.folder, more: more)).run()
    #expect(expected.skipped == 0 && expected.outcome == .complete)
    _ = try TrainingRun(configuration(optimizer, cut.folder, steps: 4, more: more)).run()
    try FileManager.default.removeItem(atPath: cut.snapshots)
    let found = try TrainingRun(configuration(optimizer, cut.folder, more: more)).run(resuming: true)
    #expect(found.weights == expected.weights && found.forwards == expected.forwards)
    let replayed = try ReplayedRun(
      whole.folder, modelPath: nil, out: scratch.path + "/replayed", step: 6, registry: Registry.withPlugins())
    #expect(replayed.weights == expected.weights)
  }

  @Test func checkpointingChangesNoBit() throws {
    let more: [String: [String: OptionValue]] = ["rule": ["learning-rate": 1e-3]]
    let plain = try TrainingRun(configuration("ft-sgd", nil, more: more)).run()
    let setup = try TaskSetup(configuration("ft-sgd", nil, more: more.merging(["run": ["checkpointing": true]]) { $1 }))
    #expect(setup.model.pretrained.recomputesActivations)
    let saved = try TrainingRun(
      configuration("ft-sgd", nil, more: more.merging(["run": ["checkpointing": true]]) { $1 }), setup
    ).run()
    #expect(saved.best == plain.best && saved.final == plain.final)
  }

  /// What a run of one step says.
  private func words(_ optimizer: String, _ more: [String: [String: OptionValue]]) throws -> String {
    var text = ""
    let progress = ProgressLine(
      "run", total: 1, output: .init(isTerminal: false, width: 80, interval: 1e9, now: { 0 }, write: { text += $0 }))
    _ = try TrainingRun(configuration(optimizer, nil, steps: 1, more: more), progress: progress).run()
    return text
  }

  @Test(arguments: [("mezo", true), ("ft-sgd", false)])
  func checkpointingWithoutGradientsIsSaid(optimizer: String, isSaid: Bool) throws {
    let text = try words(optimizer, ["rule": ["learning-rate": 1e-5], "run": ["checkpointing": true]])
    #expect(text.contains("run.checkpointing changes nothing, as no gradient is taken") == isSaid, "\(text)")
  }

  /// A folder is another model, as far as a run can know.
  @Test func aRateThatWasChosenOnAnotherModelIsSaid() throws {
    let model: [String: OptionValue] = ["path": .string(try Embedded.model())]
    let said = "the learning rate, 5e-05, is the preset's"
    #expect(try words("mezo", ["model": model]).contains(said))
    #expect(try !words("mezo", ["model": model, "rule": ["learning-rate": 5e-5]]).contains(said))
    #expect(try !words("mezo", [:]).contains(said))
  }

  /// An objective without a gradient is refused before anything is written.
  @Test func objectivesWithoutAGradientAreRefused() throws {
    let scratch = try Scratch()
    for (optimizer, more) in Self.runs.dropLast() {
      var more = more
      more["task"] = ["objective": "accuracy"]
      let out = scratch.path + "/run"
      let error = inputError { _ = try TrainingRun(configuration(optimizer, out, more: more)).run() }
      let words = error.map { "\($0)" } ?? ""
      #expect(words.contains("objective 'accuracy'") && words.contains("no gradient"), "\(words)")
      #expect(!FileManager.default.fileExists(atPath: out))
    }
  }
}
