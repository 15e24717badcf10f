import Foundation
import TestSupport
import Testing
import ZerothSupport

@testable import ZerothRecords
@testable import ZerothReport

/// Statistics against scipy, and tables of made runs whose numbers are known.
@Suite struct CompareTests {
  /// scipy.stats.t.ppf(p, d), scipy 1.x.
  @Test(arguments: [
    (0.975, 1, 12.706204736174694), (0.975, 2, 4.302652729749462), (0.975, 4, 2.7764451051977934),
    (0.975, 9, 2.262157162798205), (0.95, 3, 2.3533634348018233),
  ])
  func quantilesAreThoseOfScipy(_ p: Double, _ degrees: Int, _ value: Double) {
    #expect(abs(Sample.quantile(p, degrees: degrees) - value) < 1e-9 * value)
  }

  /// scipy.stats.ttest_rel(a, b).confidence_interval(0.95) and numpy.std(a, ddof=1).
  @Test func intervalsAreThoseOfAPairedTest() throws {
    let a = [0.71, 0.74, 0.69, 0.725]
    let b = [0.70, 0.715, 0.695, 0.70]
    let sample = Sample(zip(a, b).map { $0 - $1 })
    let half = try #require(sample.halfInterval)
    #expect(abs(sample.mean - half - -0.009102202712432193) < 1e-12)
    #expect(abs(sample.mean + half - 0.03660220271243222) < 1e-12)
    #expect(abs(try #require(Sample(a).standardDeviation) - 0.021360009363293846) < 1e-12)
    #expect(Sample([1]).halfInterval == nil && Sample([1]).standardDeviation == nil)
  }

  /// A folder with the record of a run.
  private func write(
    _ folder: String, _ optimizer: String, rate: String, seed: Int, dev: Double, test: Double,
    task: String = "\"name\": \"sst2\"", forwards: Int = 20
  ) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let json = """
      {"name": "x", "end": "all 10 steps done",
       "results": {"zero_shot_accuracy": 0.5, "best_accuracy": \(test), "best_dev_accuracy": \(dev), "metric": "accuracy",
         "best_step": 5, "steps": 10, "forwards": \(forwards), "seconds": 1.5},
       "configuration": {"model": {"path": "m"}, "task": {\(task), "seed": \(seed)},
         "run": {"optimizer": "\(optimizer)", "steps": 10, "seed": \(seed), "threads": \(seed)},
         "estimator": {"name": "e-\(optimizer)"}, "rule": {"learning-rate": \(rate)}},
       "changed": ["run.optimizer", "run.seed", "run.steps", "rule.learning-rate", "task.name",
         "task.data", "task.k"],
       "blocks": []}
      """
    try Data(json.utf8).write(to: URL(fileURLWithPath: folder + "/run.json"))
  }

  /// Two methods, two learning rates, two seeds: test scores are better at the rate that dev does not choose.
  private func withRuns(_ body: (String) throws -> Void) throws {
    try withFolder { folder in
      for seed in [1, 2] {
        let up = 0.02 * Double(seed - 1)
        try write("\(folder)/mezo-a\(seed)", "mezo", rate: "1e-4", seed: seed, dev: 0.7, test: 0.70 + up)
        try write("\(folder)/mezo-b\(seed)", "mezo", rate: "5e-5", seed: seed, dev: 0.6, test: 0.90)
        try write("\(folder)/lozo-a\(seed)", "lozo", rate: "1e-4", seed: seed, dev: 0.5, test: 0.95)
        try write("\(folder)/lozo-b\(seed)", "lozo", rate: "5e-5", seed: seed, dev: 0.8, test: 0.71 + 2 * up)
      }
      try body(folder)
    }
  }

  /// Of a perplexity the least on dev chooses, and values are no percents.
  @Test func lessIsBetterOfAPerplexity() throws {
    try withRuns { folder in
      for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
        let path = "\(folder)/\(name)/run.json"
        try String(contentsOfFile: path, encoding: .utf8).replacing("accuracy", with: "perplexity")
          .write(toFile: path, atomically: true, encoding: .utf8)
      }
      let methods = try Methods(RecordedRuns.read([folder]))
      let lozo = try #require(methods.rows.first { $0.label.contains("lozo") })
      #expect(lozo.best.scores("best_dev").values == [0.5, 0.5])
      #expect(methods.table.table.text.contains("0.950 ± 0.000"), "\(methods.table.table.text)")
      #expect(ResultTable(of: try RecordedRuns.read([folder])).table.text.contains("0.950"))
    }
  }

  @Test func answersToTheSameRowsAreInTheReport() throws {
    try withFolder { folder in
      try MadeRuns.write(in: folder)
      #expect(try !Report(RecordedRuns.read([folder])).html.contains("What the models say"))
      let path = folder + "/mezo-1e-4-1/metrics.jsonl"
      let rows = [(0, "null"), (10, "\"after\"")].map { step, answer in
        #"{"kind":"samples","step":\#(step),"samples":[{"prompt":"<q>","answer":\#(answer),"expected":"right"}]}"#
          + "\n"
      }
      try (String(contentsOfFile: path, encoding: .utf8) + rows.joined()).write(
        toFile: path, atomically: true, encoding: .utf8)
      let html = try Report(RecordedRuns.read([folder])).html
      #expect(html.contains("What the models say") && html.contains("&lt;q&gt;") && html.contains("after"))
    }
  }

  @Test func eachRunHasARowOfWhatDiffers() throws {
    try withRuns { folder in
      let table = ResultTable(of: try RecordedRuns.read([folder])).table
      // The estimator follows the optimizer, the task's seed the run's; threads change nothing.
      #expect(
        table.columns.map(\.title) == [
          "run", "optimizer", "learning-rate", "seed", "zero-shot", "dev", "test", "best step", "steps", "forwards",
          "time",
        ])
      #expect(
        table.rows.first == [
          "lozo-a1", "lozo", "1e-4", "1", "50.0%", "50.0%", "95.0%", "5", "10", "20", "1.50 s",
        ])
    }
  }

  @Test func devChoosesAndSeedsArePaired() throws {
    try withRuns { folder in
      let methods = try Methods(RecordedRuns.read([folder]))
      let result = methods.table
      #expect(result.table.columns.map(\.title).prefix(2) == ["optimizer", "learning-rate"])
      let lozo = try #require(result.table.rows.first { $0[0] == "lozo" })
      // 0.71 and 0.75: mean 73, standard deviation 2.83. Against 0.70 and 0.72: differences 1 and 3, mean 2, and
      // t(0.975; 1) sqrt(2) / sqrt(2) = 12.7 to each side.
      #expect(lozo.prefix(6) == ["lozo", "5e-5", "50.0 ± 0.0", "80.0 ± 0.0", "73.0 ± 2.8", "+2.0 [-10.7, +14.7]"])
      let mezo = try #require(result.table.rows.first { $0[0] == "mezo" })
      #expect(mezo.prefix(6) == ["mezo", "1e-4", "50.0 ± 0.0", "70.0 ± 0.0", "71.0 ± 1.4", "-"])
      #expect(result.csv.split(separator: "\n").first?.contains("test_mean,test_sd") == true)
      let json = try #require(result.json.elements?.first { $0["optimizer"] == "lozo" })
      #expect(json["difference"]?["against"] == "mezo" && json["seeds"] == 2)
    }
  }

  @Test func seedsOfUnequalLengthAreSaidToBe() throws {
    try withRuns { folder in
      #expect(try Methods(RecordedRuns.read([folder])).table.table.columns.allSatisfy { $0.title != "note" })
      try write("\(folder)/mezo-a3", "mezo", rate: "1e-4", seed: 3, dev: 0.7, test: 0.7, forwards: 60)
      let table = try Methods(RecordedRuns.read([folder])).table.table
      #expect(table.rows.first { $0[0] == "mezo" }?.last == "20 to 60 forwards")
      #expect(table.rows.first { $0[0] == "lozo" }?.last == "")
    }
  }

  /// A run that is there twice, or given twice in other words, is no second seed.
  @Test func severalRunsOfASeedCountOnce() throws {
    try withFolder { folder in
      try write(folder + "/a", "mezo", rate: "1e-4", seed: 1, dev: 0.75, test: 0.7)
      try write(folder + "/copy", "mezo", rate: "1e-4", seed: 1, dev: 0.65, test: 0.6)
      try write(folder + "/b", "mezo", rate: "1e-3", seed: 1, dev: 0.9, test: 0.8)
      let found = try RecordedRuns.read(
        ["a", "copy", "b", "./a", "../\((folder as NSString).lastPathComponent)/b"].map { "\(folder)/\($0)" })
      #expect(found.count == 3)
      let row = try #require(Methods(found).rows.first)
      #expect(row.best.seeds == 1 && row.best.scores("best_dev").values == [0.9])
      let other = try #require(row.settings.first { $0.runs.count == 2 })
      #expect(other.seeds == 1 && abs(other.scores("best_dev").mean - 0.7) < 1e-12)
    }
  }

  /// A record whose scores are no numbers is refused, and not left out of a mean.
  @Test func damagedResultsAreRefused() throws {
    try withFolder { folder in
      try write(folder + "/a", "mezo", rate: "1e-4", seed: 1, dev: 0.75, test: 0.7)
      let path = folder + "/a/run.json"
      let text = try String(contentsOfFile: path, encoding: .utf8)
      for (bad, subject) in [
        ("\"best_accuracy\": \"x\"", "best_accuracy"), ("\"best_accuracy\": [0.7]", "best_accuracy"),
      ] {
        try text.replacingOccurrences(of: "\"best_accuracy\": 0.7", with: bad)
          .write(toFile: path, atomically: true, encoding: .utf8)
        #expect(inputError { _ = try RecordedRuns.read([folder]) }?.subject.hasSuffix("results.\(subject)") == true)
      }
    }
  }

  /// Rows of steps come one after another.
  @Test func rowsOutOfOrderAreRefused() throws {
    func row(_ step: Int) -> String {
      "{\"kind\":\"step\",\"step\":\(step),\"losses\":[1],\"projected_gradient\":1,\"learning_rate\":1,\"forwards\":1,"
        + "\"seconds\":1,\"skipped\":false}\n"
    }
    for steps in [[0, 0], [1, 0], [-1], [Int.max]] {
      let error = inputError { _ = try Metrics.rows(of: Data(steps.map(row).joined().utf8), path: "m") }
      #expect(error?.subject == "m:\(steps.count): step", "\(steps)")
    }
    #expect(try Metrics.rows(of: Data([0, 4].map(row).joined().utf8), path: "m").count == 2)
  }

  /// Each seed has a folder of data of its own, on each of two tasks: that makes two problems, of two seeds each.
  @Test func aFolderForEachSeedIsNoProblemOfItsOwn() throws {
    try withFolder { folder in
      for (task, k) in [("sst2", 16), ("trec", 16), ("sst2", 512)] {
        for seed in [1, 2] {
          let options = "\"name\": \"\(task)\", \"data\": \"\(task)/\(k)-\(seed)\", \"k\": \(k)"
          for optimizer in ["mezo", "lozo"] {
            try write(
              "\(folder)/\(task)-\(k)-\(optimizer)-\(seed)", optimizer, rate: "1e-4", seed: seed, dev: 0.5, test: 0.5,
              task: options)
          }
        }
      }
      let methods = try Methods(RecordedRuns.read([folder]))
      #expect(methods.by == ["task.name", "task.k", "run.optimizer"])
      #expect(methods.rows.count == 6 && methods.rows.allSatisfy { $0.best.runs.count == 2 })
      // Without k nothing but the folder tells 16 from 512.
      try write(
        "\(folder)/other", "mezo", rate: "1e-4", seed: 1, dev: 0.5, test: 0.5,
        task: "\"name\": \"sst2\", \"data\": \"elsewhere\", \"k\": 16")
      #expect(try Methods(RecordedRuns.read([folder])).by.contains("task.data"))
    }
  }

  /// Losses and scores on dev after 0, 10 and 20 forward passes. The baseline's setting with the best score has not the lowest loss.
  @Test func passesToWhatTheBaselineEndsWith() throws {
    try withFolder { folder in
      func run(
        _ optimizer: String, _ rate: String, _ seed: Int, _ losses: [Double], _ scores: [Double], dev: Double = 0.7
      ) throws {
        let name = "\(folder)/\(optimizer)-\(rate)-\(seed)"
        try write(name, optimizer, rate: rate, seed: seed, dev: dev, test: 0.5)
        var rows: [String] = []
        for (index, (loss, score)) in zip(losses, scores).enumerated() {
          let step = 5 * index
          if step > 0 {
            rows.append(
              "{\"kind\":\"step\",\"step\":\(step - 1),\"losses\":[1,1],\"projected_gradient\":1,\"learning_rate\":1,"
                + "\"forwards\":\(2 * step),\"seconds\":1,\"skipped\":false}")
          }
          rows.append(
            "{\"kind\":\"evaluation\",\"step\":\(step),\"split\":\"dev\",\"metric\":\"accuracy\",\"accuracy\":\(score),"
              + "\"loss\":\(loss)}")
        }
        try Data((rows.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: name + "/metrics.jsonl"))
      }
      try run("mezo", "1e-4", 1, [1.0, 0.8, 0.6], [0.5, 0.6, 0.7])
      try run("mezo", "1e-4", 2, [1.2, 1.0, 0.8], [0.5, 0.6, 0.7])
      for seed in [1, 2] { try run("mezo", "5e-5", seed, [1.0, 1.0, 0.9], [0.5, 0.6, 0.9], dev: 0.9) }
      try run("lozo", "1e-4", 1, [1.0, 0.4, 0.3], [0.5, 0.55, 0.65])
      try run("lozo", "1e-4", 2, [1.2, 0.8, 0.7], [0.5, 0.7, 0.7])
      let result = try Methods(RecordedRuns.read([folder])).passesTable()
      // Seed 1 falls from 1.0 to 0.4 in 10 passes, and so is at 0.6 after 6.67 of 20; seed 2 is at 0.8 after 10. The interval is
      // 41.7 +- 12.7 x 8.33.
      #expect(
        result.table.rows == [
          ["lozo", "1e-4", "0.500 ± 0.283", "-0.200 [-1.471, +1.071]", "42% [0, 148]", "1 of 2 seeds", "2", "20"],
          ["mezo", "1e-4", "0.700 ± 0.141", "-", "100% [100, 100]", "100% [100, 100]", "2", "20"],
        ])
      #expect(result.table.columns.map(\.title).contains("dev loss - mezo"))
      let json = try #require(result.json.elements?.first { $0["optimizer"] == "lozo" })
      #expect(json["passes_to_score"]?["reached"] == 1 && json["seeds"] == 2)
    }
  }

  /// Two cases of one optimizer, of which one has two rates: the name of a case stands for what its runs share.
  @Test func aSweepsCasesAreRows() throws {
    try withFolder { folder in
      var runs: [String] = []
      for (name, label, rate, dev) in [
        ("a", "slow", "1e-4", 0.6), ("b", "slow", "1e-3", 0.7), ("c", "fast", "1e-2", 0.8),
      ] {
        try write("\(folder)/\(name)", "mezo", rate: rate, seed: 1, dev: dev, test: dev)
        runs.append("{\"name\": \"\(name)\", \"case\": \"\(label)\"}")
      }
      try write("\(folder)/d", "lozo", rate: "1e-2", seed: 1, dev: 0.5, test: 0.5)
      runs.append("{\"name\": \"d\", \"case\": null}")
      try Data("{\"runs\": [\(runs.joined(separator: ","))]}".utf8).write(
        to: URL(fileURLWithPath: folder + "/sweep.json"))
      let read = try RecordedRuns.read([folder])
      let table = try Methods(read, by: ["case"], against: "slow").table.table
      #expect(table.columns.map(\.title).prefix(2) == ["case", "learning-rate"])
      #expect(table.rows.map { [$0[0], $0[1]] } == [["slow", "1e-3"], ["fast", "1e-2"], ["-", "1e-2"]])
      // What is not asked for stands in no table.
      #expect(try Methods(read).table.table.columns.map(\.title).prefix(2) == ["optimizer", "learning-rate"])
    }
  }

  @Test func rowsAreMadeByWhatIsAskedFor() throws {
    try withRuns { folder in
      let runs = try RecordedRuns.read([folder])
      let table = try Methods(runs, by: ["optimizer", "learning-rate"], against: "lozo").table.table
      #expect(table.rows.count == 4)
      #expect(inputError { _ = try Methods(runs, by: ["optimiser"]) }?.expected.contains("optimizer") == true)
      #expect(inputError { _ = try Methods(runs, against: "adam") }?.subject == "--against")
    }
  }

  @Test func foldersWithoutRunsAreRefused() throws {
    try withFolder { folder in
      #expect(inputError { _ = try RecordedRuns.read([folder]) }?.subject == folder)
      try Data("{}".utf8).write(to: URL(fileURLWithPath: folder + "/run.json"))
      #expect(inputError { _ = try RecordedRuns.read([folder]) }?.expected == "the record of a run")
    }
  }

  @Test func latexAndCSVEscape() {
    var table = Table([.left("a_b"), .right("x")])
    table.rows = [["50% & more", "1.0 ± 0.5"]]
    #expect(
      table.latex == """
        \\begin{tabular}{lr}
        \\toprule
        a\\_b & x \\\\
        \\midrule
        50\\% \\& more & 1.0 $\\pm$ 0.5 \\\\
        \\bottomrule
        \\end{tabular}

        """)
    #expect(Table.csv([["a", "b,c", "d\"e"]]) == "a,\"b,c\",\"d\"\"e\"\n")
  }

  /// The check value of CRC-32C (RFC 3720, appendix B.4 has others) of the digits 1 to 9.
  @Test func checksumIsCastagnolis() {
    #expect(CastagnoliChecksum.crc(Data("123456789".utf8)) == 0xE306_9283)
    #expect(CastagnoliChecksum.crc(Data(repeating: 0, count: 32)) == 0x8A91_36AA)
  }
}
