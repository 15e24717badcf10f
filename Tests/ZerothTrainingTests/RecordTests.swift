import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothResources
import struct ZerothTasks.Scores

@testable import ZerothRecords
@testable import ZerothStrategies
@testable import ZerothSupport
@testable import ZerothTraining

@Suite struct MetricsTests {
  private func report(_ step: Int, _ losses: [Double] = [0.5, 0.25]) throws -> StepReport {
    var theta = try smallTheta()
    var optimizer = Optimizer(estimator: RandomizedEstimator(), rule: SGD(learningRate: 0.0), seed: 0)
    let objective = BatchQuadratic(broken: losses.allSatisfy(\.isFinite) ? [] : [2 * step])
    for _ in 0..<step { try optimizer.step(&theta, objective) }
    return try optimizer.step(&theta, objective)
  }

  @Test func rowsReadBack() throws {
    try withFolder { folder in
      let path = folder + "/metrics.jsonl"
      let writer = try MetricsWriter(new: path)
      let finite = try report(0)
      let skipped = try report(1, [.nan])
      try writer.append(.step(.init(finite, forwards: 2, seconds: 0.5)))
      try writer.append(.step(.init(skipped, forwards: 4, seconds: 1)))
      try writer.append(
        .evaluation(.init(step: 2, split: "dev", scores: [.init("accuracy", 0.75)], loss: .infinity)))
      try writer.append(.evaluation(.init(step: 2, split: "test \"1\"", scores: [.init("accuracy", 0.5)])))
      let text = try String(contentsOfFile: path, encoding: .utf8)
      for line in text.split(separator: "\n") {
        #expect(try JSONSerialization.jsonObject(with: Data(line.utf8)) is [String: Any])
      }
      let lines = text.split(separator: "\n")
      #expect(!lines[0].contains("non_finite"))
      #expect(lines[1].contains(#""losses":[null,"#) && lines[1].contains(#""non_finite":true"#))
      #expect(lines[1].contains(#""skipped":true"#))
      #expect(lines[2].contains(#""loss":null,"non_finite":true"#))

      let rows = try Metrics.read(path)
      guard case .step(let first) = rows[0], case .step(let second) = rows[1], case .evaluation(let third) = rows[2],
        case .evaluation(let fourth) = rows[3]
      else {
        Issue.record("kinds of rows")
        return
      }
      #expect(first.losses == Array(finite.losses) && first.projectedGradient == finite.projectedGradient)
      #expect(first.forwards == 2 && first.seconds == 0.5 && !first.skipped)
      #expect(second.losses[0].isNaN && second.skipped)
      #expect(third.loss?.isNaN == true && third.mainScore == 0.75)
      #expect(fourth.loss == nil && fourth.split == "test \"1\"")
    }
  }

  /// Cut at any byte and resumed, the file holds whole rows of the steps that are done, and no others.
  @Test func resumingKeepsWholeRowsOfStepsDone() throws {
    try withFolder { folder in
      let path = folder + "/metrics.jsonl"
      let writer = try MetricsWriter(new: path)
      var sizes = [0]
      for step in 0..<4 {
        try writer.append(.step(.init(try report(step), forwards: 2 * step, seconds: 1)))
        sizes.append(try Data(contentsOf: URL(fileURLWithPath: path)).count)
        if step == 1 {
          try writer.append(.evaluation(.init(step: 2, split: "dev", scores: [.init("accuracy", 1)])))
          sizes.append(try Data(contentsOf: URL(fileURLWithPath: path)).count)
        }
      }
      let whole = try Data(contentsOf: URL(fileURLWithPath: path))
      for cut in 0...whole.count {
        try whole.prefix(cut).write(to: URL(fileURLWithPath: path))
        let kept = try MetricsWriter(resuming: path, at: 3).kept
        let expected = sizes.last { $0 <= min(cut, sizes[4]) }
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)).count == expected)
        #expect(kept.count == sizes.firstIndex(of: expected ?? -1))
      }
      try whole.write(to: URL(fileURLWithPath: path))
      let resumed = try MetricsWriter(resuming: path, at: 2)
      #expect(resumed.kept.count == 3)
      try resumed.append(.evaluation(.init(step: 2, split: "test", scores: [.init("accuracy", 0)])))
      #expect(try Metrics.read(path).count == 4)
    }
  }

  @Test func damagedRowsAreNamed() throws {
    try withFolder { folder in
      let path = folder + "/metrics.jsonl"
      for (text, place) in [
        ("{}\n", ":1: kind"), ("{\"kind\":\"evaluation\",\"step\":1}\n", ":1: split"), ("nonsense\n", ":1"),
        ("[1]\n", ":1: kind"), ("{\"kind\":\"step\",\"step\":1.5,\"losses\":[],\"skipped\":false}\n", ":1: step"),
      ] {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        #expect(inputError { _ = try Metrics.read(path) }?.subject == path + place)
      }
      #expect(inputError { _ = try MetricsWriter(new: path) }?.subject == path)
      #expect(inputError { _ = try Metrics.read(folder + "/none") } != nil)
    }
  }
}

@Suite struct RunRecordTests {
  @Test func theRecordHoldsTheRun() throws {
    try withFolder { folder in
      let configuration = try RunConfiguration(
        Settings([
          "model": ["path": "m", "train": "not name:b"], "task": ["name": "sst2"],
          "run": ["optimizer": "dizo", "steps": 5],
        ]))
      let layout = try smallLayout().training(only: configuration.trainable)
      var record = RunRecord(of: configuration, layout: layout)
      let path = folder + "/run.json"
      try record.write(to: path)
      record.end = "all 5 steps done"
      record.results = [.init("accuracy", 0.75)]
      try record.write(to: path)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["run.json"])

      let json = try JSON(parsing: Data(contentsOf: URL(fileURLWithPath: path)), subject: path)
      #expect(json["end"]?.string == "all 5 steps done" && json["results"]?["accuracy"]?.double == 0.75)
      for key in ["zeroth", "swift", "openblas", "generator", "processor", "instruction_set"] {
        #expect(json["versions"]?[key]?.string?.isEmpty == false, "\(key)")
      }
      let blocks = try #require(json["blocks"]?.elements)
      #expect(blocks.map { $0["name"]?.string } == ["q", "k", "v", "d", "n", "b"])
      #expect(blocks.map { $0["adapted"] } == [true, false, true, false, false, false])
      #expect(blocks.map { $0["trainable"] } == [true, true, true, true, true, false])
      #expect(blocks[3]["shape"] == [7, 9] && blocks[4]["shape"] == [6] && blocks[0]["layer"] == 0)
      let again = try RunConfiguration(Settings(ofRun: path))
      #expect(again.toml == configuration.toml)
    }
  }

  @Test func damagedRecordsAreNamed() throws {
    try withFolder { folder in
      let path = folder + "/run.json"
      #expect(inputError { _ = try Settings(ofRun: path) }?.subject == path)
      for text in ["", "{", "{}", "[]", #"{"configuration":3}"#, #"{"configuration":{"run":[]}}"#] {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        #expect(inputError { _ = try Settings(ofRun: path) } != nil)
      }
      try Data(#"{"configuration":{"run":{"steps":null}}}"#.utf8).write(to: URL(fileURLWithPath: path))
      let error = inputError { _ = try RunConfiguration(Settings(ofRun: path)) }
      #expect(error?.description == "\(path): run.steps: found null, expected an integer, at least 1")
      let record = try RunRecord(
        of: RunConfiguration(Settings(toml: ConfigurationTests.complete, name: "a")), layout: try smallLayout())
      #expect(inputError { try record.write(to: folder + "/none/run.json") } != nil)
    }
  }

  @Test func jsonEscapesAndKeepsItsOrder() throws {
    let value: JSON = [
      "b": "\u{1F600}\"\\\u{7}", "a": [1, 2.5, .null, .double(.nan)], "c": [["x": []]], "d": [:],
    ]
    #expect(value.description == #"{"b":"😀\"\\\u0007","a":[1,2.5,null,null],"c":[{"x":[]}],"d":{}}"#)
    let again = try JSON(parsing: Data(value.pretty.utf8), subject: "x")
    #expect(again["b"] == value["b"] && again["c"] == value["c"] && again["a"]?.elements?[1] == 2.5)
  }
}
