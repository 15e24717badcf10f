import Foundation
import TestSupport
import Testing
import ZerothSupport

@testable import ZerothTraining

/// Sweeps: the grid of a file, its runs by the tool, and what happens when they fail or are killed.
@Suite struct SweepTests {
  private static let tool = Execution.products.appendingPathComponent("zeroth").path

  private func zeroth(_ arguments: String...) throws -> Execution { try Execution(Self.tool, arguments) }

  /// Two methods, two rates, two seeds, on few examples.
  private static let small = """
    [model]
    path = "imdb-opt"
    [task]
    name = "sst2"
    train = 32
    dev = 16
    test = 16
    [run]
    seed = [1, 2]
    batch = 2
    threads = 1
    [rule]
    learning-rate = [5e-5, 1e-4]
    [sweep]
    budget = "forwards=20"
    evaluations = 2
    [case.mezo]
    run.optimizer = "mezo"
    [case.lozo]
    run.optimizer = "lozo"
    estimator.interval = 5
    """

  private func plan(_ text: String, budget: SweepBudget? = nil) throws -> SweepPlan {
    try SweepPlan(SweepFile(toml: text, name: "s.toml"), budget: budget)
  }

  // MARK: - The plan

  /// Cases that are one text to a reader, and cases whose names a folder of a sweep has already.
  @Test func namesThatCannotBeFolders() throws {
    let head = "[model]\npath = \"imdb-opt\"\n[task]\nname = \"sst2\"\n[run]\nsteps = 2\noptimizer = \"mezo\"\n"
    let error = inputError {
      _ = try plan(head + "[case.\"\u{e9}\"]\nrun.batch = 2\n[case.\"e\u{301}\"]\nrun.batch = 4\n")
    }
    #expect(error?.found == "the name twice, in two encodings of Unicode", "\(String(describing: error))")
    let names = try plan(head + "[case.\"..\"]\nrun.batch = 2\n[case.\"sweep.json\"]\nrun.batch = 4\n").runs.map(\.name)
    #expect(names == ["run..", "runsweep.json"])
  }

  /// A file of somebody else in the place of the sweep's own is not written over.
  @Test func aSweepFileOfOthersStays() throws {
    let scratch = try Scratch()
    let mine = try scratch.write(["mine"], to: "sweep.toml")
    let file = try scratch.write([Self.small], to: "s.toml")
    let output = try zeroth("sweep", file, "--out", scratch.path)
    #expect(output.status == 2 && output.err.contains("which no sweep has written"), "\(output.err)")
    #expect(try String(contentsOfFile: mine, encoding: .utf8) == "mine\n")
  }

  @Test func aRunIsPlannedForEachPointOfTheGrid() throws {
    let plan = try plan(Self.small)
    #expect(
      plan.runs.map(\.name) == [
        "mezo,learning-rate=5e-05,seed=1", "mezo,learning-rate=0.0001,seed=1", "lozo,learning-rate=5e-05,seed=1",
        "lozo,learning-rate=0.0001,seed=1", "mezo,learning-rate=5e-05,seed=2", "mezo,learning-rate=0.0001,seed=2",
        "lozo,learning-rate=5e-05,seed=2", "lozo,learning-rate=0.0001,seed=2",
      ])
    #expect(plan.json(failures: [:])["runs"]?.elements?.map { $0["case"]?.string } == plan.runs.map(\.caseName))
    let last = try #require(plan.runs.last)
    #expect(last.caseName == "lozo")
    #expect(
      last.settings.toml == """
        [model]
        path = "imdb-opt"

        [task]
        dev = 16
        name = "sst2"
        test = 16
        train = 32

        [run]
        batch = 2
        eval-every = 5
        optimizer = "lozo"
        seed = 2
        steps = 10
        threads = 1

        [estimator]
        interval = 5

        [rule]
        learning-rate = 0.0001

        """)
    #expect(try Settings(toml: last.settings.toml, name: "run.toml").toml == last.settings.toml)
  }

  private static let base = "[model]\npath = \"imdb-opt\"\n[task]\nname = \"sst2\"\n"

  /// Two passes a step, and two more after every 50 steps of DiZO: 491 steps take 982 + 18, and 492 would take 1002.
  @Test func methodsGetEqualForwardPasses() throws {
    let text = Self.base + "[run]\noptimizer = [\"mezo\", \"dizo\"]\n"
    let runs = try plan(text + "[sweep]\nbudget = \"forwards=1000\"").runs
    #expect(runs.map(\.name) == ["mezo", "dizo"])
    #expect(runs.map(\.steps) == [500, 491] && runs.map(\.forwards) == [1000, 1000])
    // Without a budget it is what the first run takes.
    #expect(try plan(text + "steps = 500").runs.map(\.steps) == [500, 491])
    #expect(try plan(text + "steps = 500\n[sweep]\nbudget = \"steps\"").runs.map(\.steps) == [500, 500])
    #expect(try plan(text + "steps = 500", budget: .forwards(100)).runs.map(\.steps) == [50, 49])
  }

  /// Queries that fall over the run's own length, from 4 to 1: no more than the budget, and one step more would be. Two passes
  /// for each of round(4 (0.25 + 0.75 (1 - t / n))) queries.
  @Test func aScheduleThatFollowsTheStepsIsCountedAsItIsRun() throws {
    let text = Self.base + "[run]\noptimizer = \"mezo\"\n[estimator]\nqueries = \"linear(4,final=0.25)\"\n"
    let run = try #require(plan(text + "[sweep]\nbudget = \"forwards=300\"").runs.first)
    func forwards(_ steps: Int) -> Int {
      (0..<steps).reduce(0) { $0 + 2 * Int((4 * (0.25 + 0.75 * (1 - Double($1) / Double(steps)))).rounded()) }
    }
    #expect(run.forwards == forwards(run.steps) && run.forwards <= 300 && forwards(run.steps + 1) > 300, "\(run)")
  }

  @Test func repeatsShareTheirExamplesAndSeedsStandInPaths() throws {
    let text =
      Self.base.replacing("name", with: "data = \"data/{seed}/x\"\nname")
      + "[run]\noptimizer = \"mezo\"\nsteps = 2\nseed = [3, 4]\n[sweep]\nrepeats = 2"
    let runs = try plan(text).runs
    #expect(runs.map(\.name) == ["seed=3,repeat=1", "seed=3,repeat=2", "seed=4,repeat=1", "seed=4,repeat=2"])
    func value(_ table: String, _ key: String) -> [JSON?] { runs.map { $0.configuration[table]?[key] } }
    #expect(value("run", "seed") == [3, 10003, 4, 10004])
    #expect(value("task", "seed") == [3, 3, 4, 4])
    #expect(value("task", "data").map { $0?.string } == ["data/3/x", "data/3/x", "data/4/x", "data/4/x"])
  }

  @Test(arguments: [
    ("steps = 1", "s.toml: key 'steps': found a key outside the tables"),
    ("[runs]\nsteps = 1", "no table called 'runs', expected perhaps 'run'"),
    ("[sweep]\nbudget = \"passes=3\"", "[sweep] budget: found 'passes=3', expected forwards=N"),
    ("[sweep]\nrepeat = 3", "[sweep] repeat: found an option that s.toml: [sweep] does not have"),
    ("[sweep]\nrepeats = [1, 2]", "[sweep] repeats: found [1, 2], expected one value"),
    ("[run]\nseed = [1, 1]", "[run] seed: found [1, 1], expected one or more values, each once"),
    ("[run]\nseed = []", "[run] seed: found [], expected one or more values"),
    ("[case]\nmezo = 1", "case.mezo: found a value, expected a table"),
    ("[case.mezo]\noptimizer = \"mezo\"", "[case.mezo] optimizer: found a value, expected TABLE.KEY = VALUE"),
    ("[case.mezo]\nrunn.optimizer = \"mezo\"", "[case.mezo] runn.: found no table called 'runn'"),
    ("[run]\noptimizer = \"mezo\"", "[sweep] budget: found nothing, and no [run] steps"),
    ("[run]\noptimizer = \"mezo\"\nsteps = [1, 2]", "[run] steps: found 1 and 2, expected one number for all runs"),
    ("[run]\noptimizer = \"mezo\"\nsteps = 1\n[sweep]\nbudget = \"forwards=9\"", "found steps beside a budget"),
    (
      "[run]\noptimizer = \"mezo\"\n[sweep]\nbudget = \"forwards=1\"",
      "run run: forward passes: found 1, expected at least 2"
    ),
    (
      "[run]\noptimizer = [\"mezo\", \"lozzo\"]\nsteps = 1",
      "[run] optimizer: found no optimizer called 'lozzo', expected perhaps 'lozo'"
    ),
    (
      "[run]\nseed = [\((0..<200).map(String.init).joined(separator: ", "))]\n[rule]\n"
        + "learning-rate = [\((1...60).map(String.init).joined(separator: ", "))]",
      "found 12000 runs, expected at most 10000"
    ),
    ("[run]\noptimizer = \"mezo\"\nsteps = 9\neval-every = 3\n[sweep]\nevaluations = 2", "eval-every beside [sweep]"),
  ])
  func aFileThatIsNoSweepIsRefused(_ text: String, _ says: String) throws {
    let error = inputError { _ = try plan(text.hasPrefix("[") ? Self.base + text : text) }
    #expect(error.map { "\($0)".contains(says) } == true, "\(error.map { "\($0)" } ?? "nothing")")
  }

  // MARK: - The runs

  /// A file with `text` in `folder`.
  private func write(_ text: String, _ folder: String) throws -> String {
    let path = "\(folder)/s.toml"
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    return path
  }

  private func modified(_ path: String) throws -> Date? {
    try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
  }

  @Test func aSweepIsRunOnceAndShown() throws {
    try withFolder { folder in
      let file = try write(Self.small, folder)
      let output = try zeroth("sweep", file, "--out", "\(folder)/out", "--jobs", "2", "--json")
      #expect(output.status == 0, "\(output.err)")
      let rows = try #require(JSON(parsing: output.out, subject: "").elements)
      #expect(rows.map { $0["optimizer"]?.string } == ["mezo", "lozo"])
      #expect(rows.allSatisfy { $0["seeds"] == 2 && $0["forwards"] == 20 && $0["tried"]?.elements?.count == 2 })
      #expect(rows[1]["difference"]?["values"]?.elements?.count == 2)
      #expect(output.err.contains("8/8 "), "\(output.err)")
      // Again: nothing is made again.
      let record = "\(folder)/out/lozo,learning-rate=0.0001,seed=2/run.json"
      let before = try modified(record)
      let again = try zeroth("sweep", file, "--out", "\(folder)/out", "--json")
      #expect(again.status == 0 && again.out == output.out && again.err.contains("8 of 8 runs are done already"))
      #expect(try modified(record) == before)
      #expect(try zeroth("compare", "\(folder)/out", "--by", "auto", "--json").out == output.out)
      // A run of this name with another configuration is not overwritten.
      let other = try write(Self.small.replacing("batch = 2", with: "batch = 3"), folder)
      let refused = try zeroth("sweep", other, "--out", "\(folder)/out")
      #expect(refused.status == 2 && refused.err.contains("run.toml: found 'batch = 2', expected 'batch = 3'"))
    }
  }

  @Test func aDryRunNamesTheRunsAndMakesNone() throws {
    try withFolder { folder in
      let file = try write(Self.small, folder)
      let output = try zeroth("sweep", file, "--out", "\(folder)/out", "--dry-run", "--budget", "forwards=8")
      #expect(output.status == 0 && output.out.contains(/lozo,learning-rate=5e-05,seed=2 +4 +8\n/), "\(output.out)")
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/out"))
    }
  }

  /// Passes are counted with what the tuning trains.
  @Test(arguments: ["lora", "first-order"]) func carriedSweepsFitTheirBudgets(name: String) throws {
    try withFolder { folder in
      let output = try zeroth(
        "sweep", SharedMaterial.package.path + "/Benchmarks/sweeps/\(name).toml", "--out", folder + "/out", "--dry-run")
      #expect(output.status == 0, "\(output.err)")
      let steps = ["lora": "dizo-lora,seed=13 +491 +1000", "first-order": "ft-adam,seed=13 +333 +999"]
      #expect(output.out.contains(try Regex(steps[name] ?? "")), "\(output.out)")
    }
  }

  /// Seed 2 has no data: its runs fail, and those of seed 1 do not mind.
  @Test func aRunThatFailsDoesNotEndTheSweep() throws {
    try withFolder { folder in
      try FileManager.default.createDirectory(atPath: "\(folder)/data-1", withIntermediateDirectories: true)
      let rows = (0..<60).map { "{\"sentence\": \"a film \($0)\", \"label\": \($0 % 2)}" }.joined(separator: "\n")
      for name in ["train", "test"] {
        try Data((rows + "\n").utf8).write(to: URL(fileURLWithPath: "\(folder)/data-1/\(name).jsonl"))
      }
      let text = Self.small.replacing("name = \"sst2\"", with: "name = \"sst2\"\ndata = \"\(folder)/data-{seed}\"")
        .replacing("learning-rate = [5e-5, 1e-4]", with: "learning-rate = 5e-5")
      let output = try zeroth("sweep", write(text, folder), "--out", "\(folder)/out")
      #expect(output.status == 1)
      #expect(output.out.contains("1 of 2 runs failed"), "\(output.out)")
      #expect(output.err.contains("mezo,seed=2: zeroth: \(folder)/data-2"), "\(output.err)")
      #expect(output.err.contains("2 of 4 runs failed or did not end; the same command tries them again"))
      let table = try zeroth("compare", "\(folder)/out")
      #expect(table.out.contains("failed: zeroth: \(folder)/data-2"), "\(table.out)")
      // What was missing comes, and the same command makes the rest.
      try FileManager.default.copyItem(atPath: "\(folder)/data-1", toPath: "\(folder)/data-2")
      let again = try zeroth("sweep", "\(folder)/s.toml", "--out", "\(folder)/out")
      #expect(again.status == 0 && again.err.contains("2 of 4 runs are done already"), "\(again.err)")
      #expect(!again.out.contains("failed"))
    }
  }

  /// A sweep that is killed with its runs, at random places, is in the end the one that was left alone, bit for bit.
  @Test func aSweepThatIsKilledGoesOn() throws {
    try withFolder { folder in
      let text = Self.small.replacing("forwards=20", with: "forwards=400")
        .replacing("[5e-5, 1e-4]", with: "5e-5").replacing("batch = 2", with: "batch = 2\nsnapshot-every = 20")
      let file = try write(text, folder)
      #expect(try zeroth("sweep", file, "--out", "\(folder)/whole").status == 0)
      let line = """
        for name in mezo,seed=1 lozo,seed=2; do
          \(Self.tool) sweep \(file) --out \(folder)/killed & sweep=$!
          for ((i = 0; i < 1200; i++)); do
            grep -qs '"kind":"step","step":[4-9][0-9]' \(folder)/killed/$name/metrics.jsonl && break; sleep 0.05
          done
          kill -9 $sweep; wait $sweep
        done
        \(Self.tool) sweep \(file) --out \(folder)/killed --json
        """
      let output = try Execution("/bin/bash", ["-c", line])
      #expect(output.status == 0, "\(output.err)")
      #expect(output.err.contains("runs are done already"), "\(output.err)")
      for name in ["mezo,seed=1", "mezo,seed=2", "lozo,seed=1", "lozo,seed=2"] {
        let whole = try recordedLosses("\(folder)/whole/\(name)/trajectory.bin")
        #expect(try whole == recordedLosses("\(folder)/killed/\(name)/trajectory.bin") && whole.count == 200, "\(name)")
      }
      let resumed = try String(contentsOfFile: "\(folder)/killed/mezo,seed=1/output.log", encoding: .utf8)
      #expect(resumed.contains("goes on from the snapshot"), "\(resumed)")
    }
  }

  @Test(arguments: [("INT", 130), ("TERM", 143)])
  func aSignalEndsTheRunsAndSaysHowToGoOn(_ signal: String, _ status: Int32) throws {
    try withFolder { folder in
      let file = try write(Self.small.replacing("forwards=20", with: "forwards=100000"), folder)
      // A shell without job control starts what is in the background with SIGINT ignored; env takes that back.
      let line = """
        env --default-signal=INT \(Self.tool) sweep \(file) --out \(folder)/out --jobs 2 & sweep=$!
        for ((i = 0; i < 1200; i++)); do
          grep -qs '"kind":"step"' \(folder)/out/mezo,learning-rate=5e-05,seed=1/metrics.jsonl && break; sleep 0.05
        done
        # Another sweep does not write to the same folder.
        \(Self.tool) sweep \(file) --out \(folder)/out && exit 90
        (sleep 120; kill -9 $sweep) & guard=$!
        kill -\(signal) $sweep; wait $sweep; status=$?; kill $guard
        sleep 0.2; pgrep -f "[t]rain --out \(folder)" && exit 91
        exit $status
        """
      let output = try Execution("/bin/bash", ["-c", line])
      #expect(output.status == status, "\(output.err)")
      #expect(output.err.contains("which writes to it, expected a folder that no other process writes"))
      #expect(
        output.err.contains("0 of 8 runs are done; to go on: zeroth sweep \(file) --out \(folder)/out --jobs 2"),
        "\(output.err)")
    }
  }
}
