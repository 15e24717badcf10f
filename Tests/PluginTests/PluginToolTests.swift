import Foundation
import TestSupport
import Testing
import ZerothPluginHost
import ZerothRecords
import ZerothStrategies
import ZerothSupport
import ZerothTraining

/// Plugins as a user of the tool meets them.
@Suite(.serialized) struct PluginToolTests {
  private func zeroth(_ arguments: String...) throws -> Execution {
    try Execution(Libraries.tool, arguments)
  }

  private func train(_ out: String, _ rest: String...) throws -> Execution { try train(out, rest) }

  private func train(_ out: String, _ rest: [String]) throws -> Execution {
    try Execution(
      Libraries.tool,
      [
        "train", "--model", "imdb-opt", "--task", "sst2", "--k", "8", "--test", "10", "--steps", "4", "--eval-every",
        "2",
        "--rule", "sgd", "--lr", "1e-5", "--seed", "5", "--out", out,
      ] + rest)
  }

  private func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

  /// The losses of a run's steps.
  private func losses(_ run: String) throws -> [Data] { try recordedLosses("\(run)/trajectory.bin") }

  @Test func theCExampleTrainsTheSameModelAsRGE() throws {
    try withFolder { folder in
      let loaded = try train("\(folder)/a", "--estimator", "example-rge", "--plugin", Libraries.exampleC)
      let checked = try train(
        "\(folder)/b", "--estimator", "example-rge", "--plugin", Libraries.exampleC, "--check-plugins")
      let built = try train("\(folder)/c", "--estimator", "rge")
      for output in [loaded, checked, built] { try #require(output.status == 0, "\(output.err)") }
      #expect(try losses("\(folder)/a").map(\.count) == [16, 16, 16, 16])
      for name in ["a", "b"] {
        #expect(try losses("\(folder)/\(name)") == losses("\(folder)/c"))
        #expect(
          try bytes("\(folder)/\(name)/model/model.safetensors") == bytes("\(folder)/c/model/model.safetensors"))
      }
    }
  }

  @Test func aRunIsResumedAndReplayedWithTheSameLibraryAlone() throws {
    try withFolder { folder in
      let run = "\(folder)/run"
      let first = try train(run, "--estimator", "five-point", "--rule", "lozo-m", "--plugin", Libraries.exampleSwift)
      try #require(first.status == 0, "\(first.err)")
      let record = try String(contentsOfFile: "\(run)/run.json", encoding: .utf8)
      #expect(record.contains(Libraries.exampleSwift))

      let replayed = try zeroth(
        "replay", run, "--step", "4", "--out", "\(folder)/model", "--plugin", Libraries.exampleSwift)
      #expect(replayed.status == 0, "\(replayed.err)")
      let resumed = try zeroth("train", "--resume", "--out", run, "--plugin", Libraries.exampleSwift)
      #expect(resumed.status == 0, "\(resumed.err)")

      let other = "\(folder)/libother.so"
      try FileManager.default.copyItem(atPath: Libraries.exampleSwift, toPath: other)
      let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: other))
      try handle.seekToEnd()
      try handle.write(contentsOf: Data([0]))
      try handle.close()
      let lone: [[String]] = [["replay", run, "--out", "\(folder)/none"], ["train", "--resume", "--out", run]]
      for command in lone {
        for (plugin, found) in [([], "no such plugin loaded"), (["--plugin", other], "with content")] {
          let output = try Execution(Libraries.tool, command + plugin)
          #expect(output.status == 2)
          #expect(output.err.contains(found) && output.err.contains("--plugin"), "\(output.err)")
          #expect(output.err.split(separator: "\n").count == 1)
        }
      }
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/none"))
    }
  }

  /// A run of a loaded estimator, rule and adapter: cut after some steps, it goes on from the snapshot, and from nothing, to the
  /// losses of the run that was not cut.
  @Test func aRunOfLoadedPartsGoesOnFromItsSnapshot() throws {
    try withFolder { folder in
      let parts = [
        "--estimator", "example-rge", "--rule", "r-ada-zo", "--adapter", "example-projection", "--kappa", "2",
        "--set", "estimator.epsilon=cosine(0.001, final=0.1)", "--set", "run.snapshot-every=2", "--plugin",
        Libraries.exampleC,
      ]
      let whole = try train("\(folder)/whole", parts)
      try #require(whole.status == 0, "\(whole.err)")
      #expect(whole.err.contains("snapshots of") || whole.out.contains("snapshots of"), "\(whole.err)")
      for isWithSnapshot in [true, false] {
        let run = "\(folder)/run-\(isWithSnapshot)"
        try FileManager.default.copyItem(atPath: "\(folder)/whole", toPath: run)
        // What a run leaves behind that was killed in its last step.
        let log = try bytes("\(run)/trajectory.bin")
        try log.dropLast(11).write(to: URL(fileURLWithPath: "\(run)/trajectory.bin"))
        if !isWithSnapshot { try FileManager.default.removeItem(atPath: "\(run)/snapshots") }
        let resumed = try zeroth("train", "--resume", "--out", run, "--plugin", Libraries.exampleC)
        #expect(resumed.status == 0, "\(resumed.err)")
        #expect((resumed.err + resumed.out).contains("goes on from the snapshot") == isWithSnapshot, "\(resumed.err)")
        #expect(try losses(run) == losses("\(folder)/whole"))
        #expect(
          try bytes("\(run)/model/model.safetensors") == bytes("\(folder)/whole/model/model.safetensors"))
      }
      let replayed = try zeroth(
        "replay", "\(folder)/whole", "--out", "\(folder)/model", "--plugin", Libraries.exampleC)
      #expect(replayed.status == 0, "\(replayed.err)")
    }
  }

  @Test func listAndExplainKnowThem() throws {
    let list = try zeroth("list", "--plugin", Libraries.exampleC, "--plugin", Libraries.exampleSwift)
    #expect(list.status == 0 && list.out.contains("example-rge") && list.out.contains("five-point"))
    let explain = try zeroth("explain", "five-point", "--plugin", Libraries.exampleSwift, "--json")
    #expect(explain.status == 0 && explain.out.contains("\"hash\""))
  }

  @Test func aLibraryThatAbortsEndsInOneLine() throws {
    try Libraries.withHostile("CREATE_ABORTS") { path in
      try withFolder { folder in
        let output = try train("\(folder)/run", "--estimator", "hostile", "--plugin", path)
        #expect(output.status == 2)
        #expect(
          output.err
            == "zeroth: \(path): create of estimator 'hostile': found a crash with SIGABRT, expected it to return\n")
        #expect(!FileManager.default.fileExists(atPath: "\(folder)/run/run.json"))
      }
    }
  }

  /// Here and not in the tests' own process: the crash leaves the system's loader locked for other threads.
  @Test func aLibraryThatAbortsWhileItIsOpenedEndsInOneLine() throws {
    try Libraries.withHostile("CONSTRUCTOR_ABORTS") { path in
      let output = try zeroth("list", "--plugin", path)
      #expect(output.status == 2)
      #expect(output.err == "zeroth: \(path): opening it: found a crash with SIGABRT, expected it to return\n")
    }
  }

  @Test func theBenchmarkComparesWithTheBuiltInOne() throws {
    let output = try zeroth(
      "bench", "pair", "example-rge+sgd", "rge+sgd", "--plugin", Libraries.exampleC, "--repeats", "2", "--json")
    #expect(output.status == 0 && output.out.contains("\"same_weights\": true"), "\(output.out) \(output.err)")
  }
}
