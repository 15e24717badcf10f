import Foundation
import TestSupport
import Testing
import Zeroth

@testable import ZerothRecords
@testable import ZerothTraining

/// Runs of an estimator that asks for losses by example.
@Suite struct GrainTests {
  /// With and without an adapter, whose losses are of the mini-batch: killed, resumed and replayed, bit for bit.
  @Test(arguments: [[], ["--adapter", "previous-iterate", "--set", "adapter.interval=2"]])
  func recordsAndReplays(adapter: [String]) throws {
    let scratch = try Scratch()
    let tool = Execution.products.appendingPathComponent("zeroth").path
    func train(_ out: String, _ steps: Int, _ more: [String] = []) throws {
      let output = try Execution(
        tool,
        [
          "train", "--model", "imdb-opt", "--task", "sst2", "--k", "8", "--test", "8", "--batch", "4", "--seed", "3",
          "--estimator", "median", "--rule", "sgd", "--lr", "1e-4", "--set", "rule.schedule=constant",
          "--eval-every", "3", "--steps", "\(steps)", "--out", "\(scratch.path)/\(out)",
        ] + adapter + more)
      #expect(output.status == 0, "\(output.err)")
    }
    try train("whole", 6)
    let trajectory = try Trajectory(file: scratch.path + "/whole/trajectory.bin")
    #expect(trajectory.header.grain == .example)
    let replay = try Execution(
      tool, ["replay", scratch.path + "/whole", "--step", "6", "--out", scratch.path + "/replayed"])
    #expect(replay.status == 0 && replay.out.contains("of 6 recorded ones"), "\(replay.out) \(replay.err)")
    // A run that was cut after three steps and a half goes on to the same file.
    let bytes = try Data(contentsOf: URL(fileURLWithPath: scratch.path + "/whole/trajectory.bin"))
    try FileManager.default.copyItem(atPath: scratch.path + "/whole", toPath: scratch.path + "/cut")
    try bytes.dropLast(100).write(to: URL(fileURLWithPath: scratch.path + "/cut/trajectory.bin"))
    let resumed = try Execution(tool, ["train", "--resume", "--out", scratch.path + "/cut"])
    #expect(resumed.status == 0, "\(resumed.err)")
    #expect(try Data(contentsOf: URL(fileURLWithPath: scratch.path + "/cut/trajectory.bin")) == bytes)
  }
}
