import Foundation
import TestSupport
import Testing

/// The built tool as a user meets it: one line and status 2 for bad input, and nothing written.
@Suite struct ToolTests {
  static let executable = SharedMaterial.package.appendingPathComponent(".build/release/zeroth").path

  struct Output {
    let status: Int32
    let out: String
    let err: String
  }

  func zeroth(_ arguments: [String]) throws -> Output {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Self.executable)
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("zeroth-tool-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let out = folder.appendingPathComponent("out")
    let err = folder.appendingPathComponent("err")
    for file in [out, err] { try Data().write(to: file) }
    process.standardOutput = try FileHandle(forWritingTo: out)
    process.standardError = try FileHandle(forWritingTo: err)
    try process.run()
    process.waitUntilExit()
    return Output(
      status: process.terminationStatus, out: try String(contentsOf: out, encoding: .utf8),
      err: try String(contentsOf: err, encoding: .utf8))
  }

  static let good = ["train", "--model", "imdb-opt", "--task", "sst2", "--k", "4", "--steps", "2", "--test", "10"]

  static let bad: [(arguments: [String], says: String)] = [
    (["train", "--model", "nowhere", "--task", "sst2", "--optimizer", "mezo", "--steps", "1"], "nowhere"),
    (good + ["--optimizer", "adam"], "adam"),
    (good + ["--optimizer", "mezo", "--rank", "2"], "rank"),
    (good + ["--optimizer", "lozo", "--rank", "1000"], "1000"),
    (good + ["--optimizer", "lozo", "--rank", "0"], "rank"),
    (good + ["--optimizer", "mezo", "--epsilon", "-1"], "epsilon"),
    (good + ["--optimizer", "mezo", "--epsilon", "nan"], "epsilon"),
    (good + ["--optimizer", "mezo", "--steps", "ten"], "steps"),
    (good + ["--optimizer", "mezo", "--k", "100000"], "100000"),
    (good + ["--optimizer", "mezo", "--task", "sst3"], "sst3"),
    (good + ["--optimizer", "mezo", "--data", "/nonexistent"], "/nonexistent"),
    (good + ["--optimizer", "dizo", "--set", "adapter.blocks=head"], "head"),
    (good + ["--estimator", "rge", "--rule", "lozo-m"], "lozo-m"),
    (good + ["--optimizer", "mezo", "--set", "run.colour=red"], "colour"),
    (good + ["--optimizer", "mezo", "--frobnicate", "1"], "frobnicate"),
    (good + ["--optimizer", "mezo", "--generator", "dice"], "dice"),
    (["verify", "--model", "nowhere"], "nowhere"),
    (["inspect", "--model", "imdb-opt", "--blocks", "heads"], "heads"),
    (["explain", "lozzo"], "lozo"),
    (["evaluate", "--model", "imdb-opt", "--task", "sst2", "--shots", "-1"], "shots"),
    (["replay", "nowhere", "--out", "x"], "nowhere"),
    (["frobnicate"], "frobnicate"),
  ]

  @Test(arguments: bad.indices)
  func badInputIsOneLineAndStatusTwo(_ index: Int) throws {
    let (arguments, says) = Self.bad[index]
    let folder = NSTemporaryDirectory() + "zeroth-out-\(UUID().uuidString)"
    let out = arguments.first == "train" ? ["--out", folder] : []
    let output = try zeroth(arguments + out)
    #expect(output.status == 2, "\(arguments): \(output.err)")
    #expect(output.err.hasPrefix("zeroth: ") && output.err.contains(says), "\(output.err)")
    #expect(output.out.isEmpty)
    #expect(!FileManager.default.fileExists(atPath: folder))
  }

  @Test(arguments: [
    ["list"], ["explain", "dizo"], ["inspect", "--model", "imdb-opt"], ["verify", "--model", "imdb-opt"],
    ["evaluate", "--model", "imdb-opt", "--task", "sst2", "--test", "40", "--shots", "2"],
    good + ["--optimizer", "lozo"],
  ])
  func everyCommandPrintsTextOrJSON(_ arguments: [String]) throws {
    let text = try zeroth(arguments)
    #expect(text.status == 0 && !text.out.isEmpty, "\(text.err)")
    let output = try zeroth(arguments + ["--json"])
    #expect(output.status == 0, "\(output.err)")
    #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(output.out.utf8)) }
  }

  @Test func helpNamesTheOptions() throws {
    let output = try zeroth(["train", "--help"])
    #expect(output.status == 0)
    for word in ["--optimizer", "--learning-rate", "--epsilon", "--config", "--resume"] {
      #expect(output.out.contains(word), "\(word)")
    }
  }
}
