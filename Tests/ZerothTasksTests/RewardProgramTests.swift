import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothSupport

@testable import ZerothTasks

/// A program that scores answers, and every way in which it can go wrong.
@Suite(.serialized) struct RewardProgramTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// A program in Python with `lines`, which may use `rows`, what it reads.
  private func program(_ lines: [String], limit: Double = 20) throws -> RewardProgram {
    _ = try scratch.write(
      ["import json, os, sys, time", "rows = (json.loads(line) for line in sys.stdin)"] + lines, to: "score.py")
    return RewardProgram(["python3", "score.py"], in: scratch.path, limit: limit, subject: "t.toml: reward.command")
  }

  private func answers(_ texts: [String]) -> [RewardedAnswer] {
    texts.map { RewardedAnswer(prompt: "say", answer: $0, row: ["n": 3]) }
  }

  private func failure(_ lines: [String], _ count: Int = 3, limit: Double = 20) throws -> InputError? {
    let program = try program(lines, limit: limit)
    let error = inputError { _ = try program.rewards(of: answers((0..<count).map { "\($0)" })) }
    #expect(error?.subject == "t.toml: reward.command 'python3 score.py'")
    return error
  }

  @Test func answersAreLinesAndItStaysAlive() throws {
    let program = try program([
      "count = 0", "for row in rows:", "    count += 1",
      "    assert sorted(row) == ['answer', 'left', 'prompt', 'row'] and row['row'] == {'n': 3} and row['prompt'] == 'say'",
      "    print(len(row['answer']) + 100 * count + 0.25 * row['left'])",
    ])
    #expect(try program.rewards(of: answers(["ab", "", "ü\n\""])) == [102.5, 200.25, 303])
    #expect(try program.rewards(of: answers(["x"])) == [401], "the same process")
    #expect(try program.rewards(of: []) == [])
  }

  /// More than a pipe holds goes both ways: a program that answers at once, and one that reads all before it says a word.
  @Test(arguments: [false, true]) func manyAnswersDoNotBlock(readsAll: Bool) throws {
    let loop =
      readsAll
      ? [
        "seen = []", "for row in rows:", "    seen.append(row)", "    if row['left'] == 0:",
        "        for r in seen: print(len(r['answer']))",
      ]
      : ["for row in rows:", "    print(len(row['answer']), flush=False)", "    print('x' * 100, file=sys.stderr)"]
    let program = try program(loop)
    let texts = (0..<3000).map { String(repeating: "a", count: $0 % 200) }
    #expect(try program.rewards(of: answers(texts)) == texts.map { Double($0.count) })
  }

  @Test func anEndIsAnErrorWithTheLastWords() throws {
    let error = try failure(["next(rows)", "print(1)", "print('loading', file=sys.stderr)", "raise KeyError('score')"])
    #expect(
      error?.found.hasPrefix("its end after 1 of 3 answers (status 1), its last words: ") == true,
      "\(String(describing: error))")
    #expect(error?.found.hasSuffix("KeyError: 'score'") == true && error?.found.contains("loading | ") == true)
    #expect(try failure(["os.kill(os.getpid(), 9)"])?.found == "its end after 0 of 3 answers (signal 9)")
    #expect(try failure(["print(1); print(2)"])?.found == "its end after 2 of 3 answers (status 0)")
  }

  @Test(arguments: ["nan", "inf", "good", "", "1 2", "0x"]) func whatIsNoNumberIsNamed(word: String) throws {
    let error = try failure(["for row in rows: print('\(word)' if row['left'] == 1 else 1)"])
    #expect(error?.found == "the line '\(word)' for answer 2 of 3" && error?.expected == "a finite number")
  }

  @Test func tooManyLinesAreSeen() throws {
    let error = try failure(["for row in rows: print('1\\n2')"], 1)
    #expect(error?.found == "more lines than the 1 answers")
  }

  @Test func oneThatHangsIsEnded() throws {
    let start = ContinuousClock.now
    let error = try failure(["print(1)", "print('thinking', file=sys.stderr)", "time.sleep(600)"], limit: 0.7)
    #expect(error?.found == "no line for 0.7 seconds after 1 of 3 answers, its last words: thinking")
    #expect(ContinuousClock.now - start < .seconds(30))
  }

  @Test func oneThatFailedStartsAnew() throws {
    let program = try program([
      "if os.path.exists('seen'):", "    for row in rows: print(7)", "else:", "    open('seen', 'w')",
      "    sys.exit(3)",
    ])
    #expect(
      inputError { _ = try program.rewards(of: answers(["a"])) }?.found == "its end after 0 of 1 answers (status 3)")
    #expect(try program.rewards(of: answers(["a"])) == [7])
  }

  /// No shell reads the arguments, and a relative path is one of the task's folder.
  @Test func argumentsAreHandedOverAsTheyAre() throws {
    _ = try scratch.write(["#!/bin/sh", "while read line; do echo \"${#1}\"; done"], to: "score.sh")
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: scratch.path + "/score.sh")
    let program = RewardProgram(["./score.sh", "$(echo a) ; b"], in: scratch.path, limit: 20, subject: "s")
    #expect(try program.rewards(of: answers(["x"])) == [13])
    for (command, folder, words) in [
      (["./none"], scratch.path, "No such file"), (["./score.py"], scratch.path, "such file"),
      (["sh"], "/nowhere", "No such file"),
    ] {
      let error = inputError {
        _ = try RewardProgram(command, in: folder, limit: 1, subject: "s").rewards(of: answers(["x"]))
      }
      #expect(error?.subject == "s" && error?.found.contains(words) == true, "\(String(describing: error))")
    }
  }

  /// It gets no descriptor but its three, and its end of input is its end.
  @Test func itIsLetGo() throws {
    _ = try scratch.write(["x"], to: "other")
    let handle = try #require(FileHandle(forReadingAtPath: scratch.path + "/other"))
    var program: RewardProgram? = try program([
      "open('pid', 'w').write(str(os.getpid()))", "for row in rows: print(len(os.listdir('/proc/self/fd')))",
      "open('end', 'w')",
    ])
    #expect(try program?.rewards(of: answers(["x"])) == [4], "the three, and that of the folder that is listed")
    let number = try #require(pid_t(String(contentsOfFile: scratch.path + "/pid", encoding: .utf8)))
    program = nil
    #expect(FileManager.default.fileExists(atPath: scratch.path + "/end"), "it came to its end")
    #expect(kill(number, 0) != 0, "and is gone")
    try handle.close()
  }
}
