import Foundation
import TestSupport
import Testing
import Zeroth

@testable import ZerothRecords
@testable import ZerothStrategies
@testable import ZerothSupport
@testable import ZerothTraining

/// Runs whose learning rate and epsilon are measured.
@Suite struct ProbedRunTests {
  private func settings(_ out: String? = nil, _ more: [String: [String: OptionValue]] = [:]) throws -> Settings {
    var values: [String: [String: OptionValue]] = [
      "model": ["path": "imdb-opt"], "task": ["name": "sst2", "k": 16, "test": 8],
      "run": ["optimizer": "lozo", "steps": 3, "batch": 8, "seed": 3, "eval-every": 3],
      "rule": ["learning-rate": "auto", "schedule": "cosine", "warmup": 2],
    ]
    if let out { values["run"]?["out"] = .string(out) }
    for (table, pairs) in more { values[table, default: [:]].merge(pairs) { $1 } }
    return try Settings(values)
  }

  @Test func theRunAndItsRecordHaveTheNumbers() throws {
    try withFolder { folder in
      let asked = try settings(folder + "/run", ["estimator": ["epsilon": "auto"]])
      #expect(asked.asksForProbe)
      var notes: [String] = []
      let found = try asked.probed(.standard) { notes.append($0) }
      #expect(!found.asksForProbe && notes.count == 2 && notes[1].hasPrefix("learning rate "), "\(notes)")
      // The same again, whatever the number of threads.
      let again = try asked.overridden(by: Settings(["run": ["threads": 1]])).probed(.standard)
      #expect(again["rule", "learning-rate"]?.given == found["rule", "learning-rate"]?.given)
      let configuration = try RunConfiguration(found)
      let rate = try #require(configuration.json["rule"]?["learning-rate"]?.double)
      // Good rates of the carried model are about 5e-5 (docs/results.md).
      #expect(rate > 1e-5 && rate < 3e-4, "\(notes[1])")
      let epsilon = try #require(configuration.json["estimator"]?["epsilon"]?.double)
      #expect(epsilon > 2e-4 && epsilon <= 0.01, "\(notes[0])")
      _ = try TrainingRun(configuration).run()
      let record = try RunRecord.json(in: folder + "/run/run.json")
      #expect(record["configuration"]?["rule"]?["learning-rate"]?.double == rate)
      #expect(record["probe"]?["learning-rate"]?["learning_rate"]?.double == rate)
      #expect(record["probe"]?["epsilon"]?["epsilon"]?.double == epsilon)
      // A resume measures nothing, and keeps what was measured on record.
      let resumed = try Settings.resumed(with: settings(folder + "/run"), .standard)
      #expect(!resumed.asksForProbe)
      _ = try TrainingRun(RunConfiguration(resumed)).run(resuming: true)
      #expect(try RunRecord.json(in: folder + "/run/run.json")["probe"] == record["probe"])
    }
  }

  /// The first steps count: later queries and epsilons of a schedule do not change the rate, a heavy-ball's memory does.
  @Test func schedulesAreMeasuredAtTheirStart() throws {
    func rate(_ more: [String: [String: OptionValue]]) throws -> Double {
      let found = try settings(nil, more).probed(.standard)
      return try #require(RunConfiguration(found).json["rule"]?["learning-rate"]?.double)
    }
    let plain = try rate(["run": ["optimizer": "mezo"]])
    #expect(try rate(["run": ["optimizer": "mezo"], "estimator": ["queries": "steps(1, 2=16)"]]) == plain)
    #expect(try rate(["run": ["optimizer": "mezo"], "estimator": ["epsilon": "cosine(1e-3, final=0.1)"]]) == plain)
    let heavy = try rate([
      "run": ["optimizer": "mezo"], "rule": ["name": "momentum", "form": "heavy-ball", "beta": 0.75],
    ])
    #expect(abs(heavy / plain - 0.25) < 0.02, "\(heavy) \(plain)")
  }

  /// With LoRA a first step is a smaller part of epsilon. The proposal is within a factor of two of the best of three rates,
  /// 2e-3 (Benchmarks/results/lora).
  @Test func withLoRAAFirstStepIsShorter() throws {
    let found = try settings(nil, ["run": ["optimizer": "mezo-lora"], "task": ["name": "sst2", "test": 8, "k": 64]])
      .probed(.standard)
    let rate = try #require(RunConfiguration(found).json["rule"]?["learning-rate"]?.double)
    #expect(rate > 1e-3 && rate < 4e-3)
    let probe = try #require(found.probe["learning-rate"])
    let (epsilon, size) = (try #require(probe["epsilon"]?.double), try #require(probe["update_size"]?.double))
    #expect(probe["part"]?.double == 0.2 && abs(rate * size / epsilon - 0.2) < 0.01)
  }

  @Test func whatHasNoEpsilonIsRefused() throws {
    let asked = try settings(nil, ["estimator": ["name": "gradient", "epsilon": "auto"]])
    let error = inputError { _ = try asked.probed(.standard) }
    #expect(error?.description.contains("epsilon") == true, "\(String(describing: error))")
    // Without a probe the word is no number.
    #expect(inputError { _ = try RunConfiguration(settings()) }?.description.contains("'auto'") == true)
  }
}
