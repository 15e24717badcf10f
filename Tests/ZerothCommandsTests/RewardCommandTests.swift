import Foundation
import TestSupport
import Testing
import ZerothSupport

/// Programs that a task's file names, as a user meets them: named before they start, refused, and one line where they fail.
@Suite(.serialized) struct RewardCommandTests {
  private let scratch: Scratch
  private let task, data: String

  init() throws {
    scratch = try Scratch()
    data = try scratch.write((0..<12).map { "{\"q\": \"The film \($0) is\"}" }, to: "rows.jsonl")
    _ = try scratch.write(
      ["import sys", "open('started', 'a').write('x')", "for line in sys.stdin: print(len(line))"], to: "score.py")
    task = try scratch.write(
      [
        "kind = \"reward\"", "prompt = \"{q}\"", "train = 6", "dev = 3", "test = 3", "[reward]",
        "command = [\"python3\", \"score.py\"]", "max-tokens = 3",
      ], to: "t.toml")
  }

  private func zeroth(_ arguments: [String]) throws -> Execution {
    try Execution(Execution.products.appendingPathComponent("zeroth").path, arguments, input: "")
  }

  private var hasStarted: Bool { FileManager.default.fileExists(atPath: scratch.path + "/started") }

  private var train: [String] {
    [
      "train", "--model", "imdb-opt", "--task", task, "--data", data, "--optimizer", "lozo", "--steps", "2", "--batch",
      "2",
      "--out", scratch.path + "/run",
    ]
  }

  @Test func aProgramIsNamedRefusedAndNotStartedWithoutNeed() throws {
    let explained = try zeroth(["explain", task])
    #expect(explained.status == 0 && explained.out.contains("starts python3 score.py in \(scratch.path)"))
    let answered = try zeroth(["predict", "--model", "imdb-opt", "--task", task, "--data", data])
    #expect(answered.status == 0 && !answered.err.contains("starts the program"), "\(answered.err)")
    for command in [train, ["evaluate", "--model", "imdb-opt", "--task", task, "--data", data]] {
      let refused = try zeroth(command + ["--no-commands"])
      #expect(
        refused.status == 2 && refused.err.contains("expected none, as --no-commands was given"), "\(refused.err)")
    }
    #expect(!hasStarted && !FileManager.default.fileExists(atPath: scratch.path + "/run"))
    let named = "reward: starts the program python3 score.py in \(scratch.path), as the task's file says"
    for command in [
      train + ["--dry-run"], train, ["evaluate", "--model", "imdb-opt", "--task", task, "--data", data],
    ] {
      let done = try zeroth(command)
      #expect(done.status == 0 && done.err.contains(named), "\(done.err)")
    }
    #expect(try String(contentsOfFile: scratch.path + "/started", encoding: .utf8) == "xxx", "once a command")
    let replayed = try zeroth(["replay", scratch.path + "/run", "--out", scratch.path + "/tuned", "--step", "2"])
    #expect(replayed.status == 0, "\(replayed.err)")
    #expect(try String(contentsOfFile: scratch.path + "/started", encoding: .utf8) == "xxx", "a replay starts none")
  }

  @Test func aFailureIsOneLineAndStatus2() throws {
    _ = try scratch.write(["import sys", "next(sys.stdin)", "raise SystemExit('no licence')"], to: "score.py")
    let failed = try zeroth(train)
    #expect(failed.status == 2)
    let line = failed.err.split(separator: "\n").last ?? ""
    #expect(line.contains("t.toml: reward.command 'python3 score.py': found its end after 0 of 3 answers (status 1)"))
    #expect(line.hasSuffix("its last words: no licence, expected a line with a number for each answer"), "\(line)")
  }
}
