import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothDiagnostics
import ZerothStrategies
import ZerothSupport

@testable import ZerothRecords
@testable import ZerothTraining

/// Runs that are asked what their estimates are worth, while they train and afterwards.
@Suite(.serialized) struct DiagnosisRunTests {
  private func configuration(
    _ optimizer: String, _ out: String?, steps: Int = 4, more: [String: [String: OptionValue]] = [:]
  ) throws -> RunConfiguration {
    var settings: [String: [String: OptionValue]] = [
      "model": ["path": "imdb-opt"], "task": ["name": "sst2", "k": 4, "test": 8],
      "run": ["optimizer": .string(optimizer), "steps": .int(steps), "batch": 2, "seed": 3, "eval-every": 2],
    ]
    if let out { settings["run"]?["out"] = .string(out) }
    for (table, values) in more { settings[table, default: [:]].merge(values) { $1 } }
    return try RunConfiguration(Settings(settings), Registry.withPlugins())
  }

  private func diagnoses(_ files: RunFiles) throws -> [MetricsRow.Diagnosis] {
    try Metrics.read(files.metrics).compactMap { if case .diagnosis(let row) = $0 { row } else { nil } }
  }

  private let every: [String: [String: OptionValue]] = ["run": ["diagnose-every": 2]]

  /// The rows of a run that is cut off and resumed are those of one that is not, and no bit of a run depends on them.
  @Test(arguments: ["lozo", "hizoo"]) func rowsOfARunChangeNothing(optimizer: String) throws {
    let scratch = try Scratch()
    let (plain, whole, cut) = (
      RunFiles(scratch.path + "/plain"), RunFiles(scratch.path + "/whole"), RunFiles(scratch.path + "/cut")
    )
    let expected = try TrainingRun(configuration(optimizer, plain.folder)).run()
    let found = try TrainingRun(configuration(optimizer, whole.folder, more: every)).run()
    #expect(found.weights == expected.weights && found.forwards == expected.forwards)
    let rows = try diagnoses(whole)
    #expect(rows.map(\.step) == [0, 2] && rows.allSatisfy { $0.batches == 8 && $0.estimates == 16 && $0.batch == 2 })
    #expect(try diagnoses(plain).isEmpty)
    _ = try TrainingRun(configuration(optimizer, cut.folder, steps: 2, more: every)).run()
    _ = try TrainingRun(configuration(optimizer, cut.folder, more: every)).run(resuming: true)
    #expect(try diagnoses(cut) == rows)
  }

  @Test func whatCannotBeComparedIsRefused() throws {
    let scratch = try Scratch()
    func words(_ optimizer: String, _ more: [String: [String: OptionValue]], out: String?) -> String {
      let error = inputError {
        _ = try TrainingRun(configuration(optimizer, out, more: every.merging(more) { $1 })).run()
      }
      return error.map { "\($0)" } ?? ""
    }
    let out = scratch.path + "/run"
    #expect(
      words("mezo", ["task": ["name": "sst2", "k": 4, "test": 8, "objective": "accuracy"]], out: out).contains(
        "no gradient"))
    #expect(words("mezo", ["estimator": ["name": "median-rge"]], out: out).contains("loss of each example"))
    let error = inputError { _ = try configuration("mezo", nil, more: every) }
    #expect(error.map { "\($0)" }?.contains("[run] diagnose-every: found 2, and no out") == true)
    #expect(!FileManager.default.fileExists(atPath: out))
  }

  /// A run on record is made again: what it says of distances is what the run itself wrote down.
  @Test func aRunOnRecordIsLookedAt() throws {
    let scratch = try Scratch()
    let files = RunFiles(scratch.path + "/run")
    _ = try TrainingRun(
      configuration("dizo", files.folder, more: ["run": ["layers": true], "adapter": ["interval": 2]])
    ).run()
    let record = try Data(contentsOf: URL(fileURLWithPath: files.trajectory))
    let request = DiagnosedRun.Request(
      every: 2, effort: Effort(batches: 2, directions: 4), matrices: .named("*layers.0.*q_proj.weight"))
    let found = try DiagnosedRun(recordedIn: files.folder, registry: Registry.withPlugins()).diagnose(request)
    #expect(found.points.map(\.step) == [0, 2, 4] && found.notes.isEmpty)
    let layers = try Metrics.read(files.metrics).compactMap { if case .layers(let row) = $0 { row } else { nil } }
    for point in found.points.dropFirst() {
      let movement = try #require(point.movement)
      let row = try #require(layers.first { $0.step == point.step })
      for (block, recorded) in zip(movement.blocks, row.blocks) {
        #expect(block.name == recorded.name)
        #expect(abs(block.distance - recorded.distance) <= 1e-6 * recorded.distance, "\(block.name)")
        #expect(abs(block.update - (recorded.update ?? .nan)) <= 1e-6 * block.update, "\(block.name)")
      }
    }
    #expect(found.points.map { $0.epsilon != nil } == [true, false, true])
    #expect(found.points.map { $0.ratios != nil } == [false, false, true])
    #expect(found.points[2].ratios?.blocks.count == 8 && found.points[2].spectra?.count == 1)
    #expect(
      [found].figures.map(\.name) == [
        "cosine", "slope", "epsilon", "queries", "distance", "progress", "ratios", "singular-values",
      ])
    #expect(found.text.contains("after 4 steps") && found.json["points"]?.elements?.count == 3)
    #expect(try Data(contentsOf: URL(fileURLWithPath: files.trajectory)) == record)
  }

  /// Gradients of a recorded run are computed again, and its estimate is the gradient itself.
  @Test func aFirstOrderRunIsLookedAt() throws {
    let scratch = try Scratch()
    let out = scratch.path + "/run"
    _ = try TrainingRun(configuration("ft-sgd", out, more: ["rule": ["learning-rate": 1e-3]])).run()
    let request = DiagnosedRun.Request(
      parts: [.estimates, .layers], effort: Effort(batches: 2, directions: 4))
    let found = try DiagnosedRun(recordedIn: out, registry: Registry.withPlugins()).diagnose(request)
    #expect(found.points.map(\.step) == [0, 4] && found.points.allSatisfy { $0.estimates?.isExact == true })
    let movement = try #require(found.points[1].movement)
    #expect(movement.blocks.reduce(0) { $0 + $1.progress } > 0)
  }

  @Test func aConfigurationIsLookedAtBeforeItsFirstStepOrOnItsWay() throws {
    var request = DiagnosedRun.Request(parts: [.estimates], effort: Effort(batches: 2, directions: 2))
    let run = DiagnosedRun(try configuration("mezo-lora", nil), registry: try Registry.withPlugins())
    #expect(try run.diagnose(request).points.map(\.step) == [0])
    var stepping = request
    stepping.every = 3
    let points = try run.diagnose(stepping).points
    #expect(points.map(\.step) == [0, 3, 4])
    #expect(points[0].estimates?.groups[.roles]?.map(\.name).contains("query-a") == true)
    // Of LoRA the matrices that are trained are A and B.
    request.parts = [.rank]
    let spectra = try #require(try run.diagnose(request).points[0].spectra)
    #expect(spectra.count == 16 && spectra.allSatisfy { $0.name.contains("lora") })
  }
}
