import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothModels
import ZerothResources

@testable import ZerothRecords
@testable import ZerothStrategies
@testable import ZerothSupport
@testable import ZerothTraining

/// A run goes on with what it began with, and ends at the weights that it recorded.
@Suite(.serialized) struct RunIdentityTests {
  private static let rows = (0..<60).map { i in
    "{\"sentence\": \"a \(i % 2 == 0 ? "great" : "terrible") film number \(i)\", \"label\": \(i % 2 == 0 ? 1 : 0)}"
  }

  private struct Place {
    let scratch: Scratch
    let model: String
    let data: String
    var files: RunFiles { RunFiles(scratch.path + "/run") }

    func configuration(steps: Int = 4, data: String? = nil) throws -> RunConfiguration {
      try RunConfiguration(
        Settings([
          "model": ["path": .string(model)],
          "task": ["name": "sst2", "k": 4, "test": 8, "data": .string(data ?? self.data)],
          "run": [
            "optimizer": "mezo", "steps": .int(steps), "batch": 4, "seed": 3, "eval-every": 2,
            "out": .string(files.folder),
          ],
          "rule": ["learning-rate": 1e-3],
        ]))
    }
  }

  /// The embedded model and some rows, in a folder of their own.
  private func place() throws -> Place {
    let scratch = try Scratch()
    let model = scratch.path + "/model"
    try FileManager.default.copyItem(atPath: Embedded.model(), toPath: model)
    let data = scratch.path + "/data"
    try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
    for (i, name) in ["train", "dev", "test"].enumerated() {
      _ = try scratch.write(Array(Self.rows[(20 * i)..<(20 * (i + 1))]), to: "data/\(name).jsonl")
    }
    return Place(scratch: scratch, model: model, data: data)
  }

  private func edit(_ path: String, _ change: (String) -> String) throws {
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let changed = change(text)
    try #require(changed != text)
    try changed.write(toFile: path, atomically: true, encoding: .utf8)
  }

  private func resume(_ configuration: RunConfiguration) throws {
    _ = try TrainingRun(configuration).run(resuming: true)
  }

  @Test func aChangedInputIsNotResumed() throws {
    let place = try place()
    _ = try TrainingRun(place.configuration()).run()
    let before = try Data(contentsOf: URL(fileURLWithPath: place.files.record))

    func refused(_ name: String, _ path: String, _ change: (String) -> String) throws {
      let original = try Data(contentsOf: URL(fileURLWithPath: path))
      try edit(path, change)
      let error = inputError { try resume(place.configuration(steps: 6)) }
      #expect(error?.subject == "\(place.files.trajectory): input '\(name)'")
      #expect(try Data(contentsOf: URL(fileURLWithPath: place.files.record)) == before)
      try original.write(to: URL(fileURLWithPath: path))
    }
    try refused("configuration", place.model + "/config.json") {
      $0.replacingOccurrences(of: "\"relu\"", with: "\"gelu\"")
    }
    let generation = place.model + "/generation_config.json"
    let error = try inputError {
      try Data(#"{"eos_token_id": [1, 2]}"#.utf8).write(to: URL(fileURLWithPath: generation))
      try resume(place.configuration(steps: 6))
    }
    #expect(error?.subject == "\(place.files.trajectory): input 'generation'")
    try FileManager.default.removeItem(atPath: generation)
    let tokenizer = try #require(
      ["tokenizer.json", "merges.txt"].first { FileManager.default.fileExists(atPath: place.model + "/" + $0) })
    try refused("tokenizer", place.model + "/" + tokenizer) { $0 + "\n" }
    for name in ["train", "dev", "test"] {
      // All labels are turned around, so that the classes stay as large.
      try refused(name, place.data + "/\(name).jsonl") {
        $0.replacingOccurrences(of: "\"label\": 1", with: "\"label\": x")
          .replacingOccurrences(of: "\"label\": 0", with: "\"label\": 1")
          .replacingOccurrences(of: "\"label\": x", with: "\"label\": 0")
      }
    }
    // Data that has moved is the same, and so is a run that goes on.
    let moved = place.scratch.path + "/moved"
    try FileManager.default.moveItem(atPath: place.data, toPath: moved)
    try resume(place.configuration(steps: 6, data: moved))
    #expect(try recordedLosses(place.files.trajectory).count == 6)
    // A replay reads no data.
    try FileManager.default.removeItem(atPath: moved)
    let replayed = try ReplayedRun(place.files.folder, modelPath: nil, out: place.scratch.path + "/again", step: 6)
    #expect(replayed.steps == 6)
  }

  @Test func aRunOfMoreStepsThanPlannedIsRefused() throws {
    let place = try place()
    _ = try TrainingRun(place.configuration(steps: 4)).run()
    for steps in [1, 3] {
      #expect(inputError { try resume(place.configuration(steps: steps)) }?.found == "4 recorded steps")
    }
    try edit(place.files.record) { $0.replacingOccurrences(of: "\"steps\": 4", with: "\"steps\": 3") }
    let out = place.scratch.path + "/again"
    #expect(
      inputError { _ = try ReplayedRun(place.files.folder, modelPath: nil, out: out) }?.found == "4 recorded steps")
    #expect(!FileManager.default.fileExists(atPath: out))
  }

  /// As a kill or a full disk leaves it: nothing, a part of the header, or no file at all.
  @Test func aRunCutWithinItsHeaderBeginsAnew() throws {
    let place = try place()
    _ = try TrainingRun(place.configuration()).run()
    let whole = try Data(contentsOf: URL(fileURLWithPath: place.files.trajectory))
    let model = try Data(contentsOf: URL(fileURLWithPath: place.files.model + "/model.safetensors"))
    let size = 20 + (0..<4).reduce(0) { $0 | Int(whole[12 + $1]) << (8 * $1) }
    for cut in [0, 5, 14, 19, 100, size - 1, nil] {
      if let cut {
        try whole.prefix(cut).write(to: URL(fileURLWithPath: place.files.trajectory))
      } else {
        try FileManager.default.removeItem(atPath: place.files.trajectory)
      }
      try resume(place.configuration())
      #expect(try Data(contentsOf: URL(fileURLWithPath: place.files.trajectory)) == whole, "cut at \(cut ?? -1)")
      #expect(try Data(contentsOf: URL(fileURLWithPath: place.files.model + "/model.safetensors")) == model)
      #expect(try Metrics.read(place.files.metrics).count { if case .step = $0 { true } else { false } } == 4)
    }
  }

  @Test func aReplayEndsAtTheRecordedWeights() throws {
    let place = try place()
    let result = try TrainingRun(place.configuration()).run()
    let (weights, best) = (try #require(result.weights), try #require(result.bestWeights))
    let out = place.scratch.path + "/again"
    #expect(try ReplayedRun(place.files.folder, modelPath: nil, out: out, step: 4).weights == weights)
    #expect(try ReplayedRun(place.files.folder, modelPath: nil, out: out).weights == best)
    let record = try RunRecord.json(in: place.files.record)
    #expect(record["results"]?["weights"]?.string == weights && record["results"]?["best_weights"]?.string == best)
    // The same after resuming a run that was done.
    let again = try TrainingRun(place.configuration()).run(resuming: true)
    #expect(again.weights == weights && again.bestWeights == best)

    try FileManager.default.removeItem(atPath: out)
    for (key, hash, step) in [("weights", weights, 4 as Int?), ("best_weights", best, nil)] {
      let original = try Data(contentsOf: URL(fileURLWithPath: place.files.record))
      try edit(place.files.record) {
        $0.replacingOccurrences(of: "\"\(key)\": \"\(hash)\"", with: "\"\(key)\": \"0000\"")
      }
      let error = inputError { _ = try ReplayedRun(place.files.folder, modelPath: nil, out: out, step: step) }
      #expect(error?.subject == "\(place.files.record): \(key)" && error?.found == "0000")
      #expect(!FileManager.default.fileExists(atPath: out), "nothing is written")
      try original.write(to: URL(fileURLWithPath: place.files.record))
    }
  }

  /// Runs of format 1 end at the weights that the version before printed; those of signs are refused, and none is resumed.
  @Test func runsOfFormatOne() throws {
    let scratch = try Scratch()
    let fixtures = SharedMaterial.fixture("trajectory-format-1")
    let registry = try Registry.withPlugins()
    for (name, weights) in [("gaussian", "f472eb51d3801107"), ("hizoo", "7eabaedf3d661720")] {
      let replayed = try ReplayedRun(
        "\(fixtures)/\(name)", modelPath: nil, out: "\(scratch.path)/\(name)", step: 3, registry: registry)
      #expect(replayed.weights == weights && replayed.recordedSteps == 3 && replayed.droppedBytes == 0)
    }
    let error = inputError {
      _ = try ReplayedRun("\(fixtures)/rademacher", modelPath: nil, out: "\(scratch.path)/signs", step: 3)
    }
    #expect(error?.subject == "\(fixtures)/rademacher/trajectory.bin: noise" && error?.found == "version 1")
    #expect(!FileManager.default.fileExists(atPath: "\(scratch.path)/signs"))

    let run = scratch.path + "/run"
    try FileManager.default.copyItem(atPath: fixtures + "/gaussian", toPath: run)
    var settings = try Settings(ofRun: run + "/run.json")
    try settings.set("run", "out", Setting(.typed(.string(run)), origin: "test"))
    let before = try Data(contentsOf: URL(fileURLWithPath: run + "/run.json"))
    #expect(inputError { try resume(RunConfiguration(settings)) }?.subject == "\(run)/trajectory.bin: format")
    #expect(try Data(contentsOf: URL(fileURLWithPath: run + "/run.json")) == before)
  }
}
