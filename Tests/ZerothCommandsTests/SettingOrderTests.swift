import Foundation
import TestSupport
import Testing
import ZerothSupport

/// Where a setting comes from: a file, `--set` and the short options, later ones in place of earlier ones.
@Suite struct SettingOrderTests {
  private func zeroth(_ arguments: [String]) throws -> Execution {
    try Execution(Execution.products.appendingPathComponent("zeroth").path, arguments)
  }

  private static let file = """
    [model]
    path = "imdb-opt"
    [task]
    name = "sst2"
    k = 4
    test = 4
    [run]
    optimizer = "lozo"
    steps = 1
    [estimator]
    rank = 3
    """

  /// The options, the rank that the run has, and what its table calls it.
  @Test(arguments: [
    ([], 3, "lozo,rank=3"), (["--rank", "1"], 1, "lozo,rank=1"), (["--set", "estimator.rank=4"], 4, "lozo,rank=4"),
    (["--set", "estimator.rank=4", "--rank", "1"], 1, "lozo,rank=1"),
    (["--rank", "1", "--set", "estimator.rank=4"], 4, "lozo,rank=4"),
    (["--rank=1", "--set=estimator.rank=4", "--rank", "2"], 2, "lozo "),
    (["--set", "estimator.rank=1", "--set", "estimator.rank=5"], 5, "lozo,rank=5"),
    (["--rank", "1", "--lr", "1e-4", "--learning-rate", "1e-3"], 1, "lozo,rank=1,learning-rate=0.001"),
    (["--learning-rate", "1e-3", "--lr", "1e-4"], 3, "lozo,rank=3,learning-rate=0.0001"),
    (["--estimator", "rge", "--set", "estimator.name=lge"], 3, "lozo,rank=3"),
  ])
  func laterOnesOverrideEarlierOnes(options: [String], rank: Int, name: String) throws {
    try withFolder { folder in
      try Self.file.write(toFile: "\(folder)/run.toml", atomically: true, encoding: .utf8)
      // The file comes first wherever it stands.
      for place in [["--config", "\(folder)/run.toml"] + options, options + ["--config=\(folder)/run.toml"]] {
        let out = "\(folder)/\(UUID().uuidString)"
        let output = try zeroth(["train", "--out", out] + place)
        #expect(output.status == 0, "\(output.err)")
        #expect(output.out.contains("\n\(name)"), "\(output.out)")
        let record = try JSON(parsing: Data(contentsOf: URL(fileURLWithPath: "\(out)/run.json")), subject: "run.json")
        #expect(record["configuration"]?["estimator"]?["rank"]?.integer == rank)
        #expect(record["name"]?.string?.hasPrefix(name.trimmingCharacters(in: .whitespaces)) == true)
      }
    }
  }

  /// A preset with another part is called by both.
  @Test func anotherPartIsInTheName() throws {
    try withFolder { folder in
      let output = try zeroth([
        "train", "--model", "imdb-opt", "--task", "sst2", "--k", "4", "--test", "4", "--steps", "1",
        "--optimizer", "mezo", "--estimator", "lge", "--out", "\(folder)/run",
      ])
      #expect(output.status == 0 && output.out.contains("\nmezo,estimator=lge  "), "\(output.out)\(output.err)")
      #expect(output.err.contains("mezo,estimator=lge  1/1"))
      let again = try zeroth(["train", "--resume", "--out", "\(folder)/run"])
      #expect(again.status == 0, "\(again.err)")
    }
  }

  /// A run that goes on keeps its own settings; those that are given take their place.
  @Test func resumingWithOtherOptionsChangesThoseAlone() throws {
    try withFolder { folder in
      let out = "\(folder)/run"
      let options = ["--model", "imdb-opt", "--task", "sst2", "--k", "4", "--test", "4", "--optimizer", "mezo"]
      #expect(try zeroth(["train", "--steps", "1", "--out", out] + options).status == 0)
      let longer = try zeroth(["train", "--resume", "--steps", "2", "--out", out, "--json"] + options)
      #expect(longer.status == 0, "\(longer.err)")
      #expect(try JSON(parsing: Data(longer.out.utf8), subject: "result")["steps"]?.integer == 2)
      let bare = try zeroth(["train", "--resume", "--steps", "3", "--out", out, "--json"])
      #expect(bare.status == 0, "\(bare.err)")
      #expect(try JSON(parsing: Data(bare.out.utf8), subject: "result")["steps"]?.integer == 3)
      let record = try JSON(parsing: Data(contentsOf: URL(fileURLWithPath: "\(out)/run.json")), subject: "run.json")
      #expect(record["configuration"]?["task"]?["k"]?.integer == 4)
      let other = try zeroth(["train", "--resume", "--steps", "4", "--out", out, "--optimizer", "lozo"])
      #expect(other.status == 2 && other.err.contains("optimizer"), "\(other.err)")
    }
  }

  @Test func aNegativeStepIsNotReplayed() throws {
    try withFolder { folder in
      let options = ["--model", "imdb-opt", "--task", "sst2", "--k", "4", "--test", "4", "--optimizer", "mezo"]
      #expect(try zeroth(["train", "--steps", "1", "--out", "\(folder)/run"] + options).status == 0)
      let output = try zeroth(["replay", "\(folder)/run", "--step", "-1", "--out", "\(folder)/model"])
      #expect(output.status == 2 && output.err == "zeroth: --step: found -1, expected at least 0\n", "\(output.err)")
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/model"))
    }
  }
}
