import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothModels
import ZerothSupport

@testable import ZerothTasks

/// What scores answers: the rewards that are built in, closures, and what a task's file says of them.
@Suite struct RewardTests {
  private func reward(_ reward: Reward, _ answer: String, gold: [String] = []) throws -> Double {
    try reward.rewards(of: [RewardedAnswer(prompt: "p", answer: answer, gold: gold)])[0]
  }

  @Test func wordsAreComparedAsSQuADDoes() throws {
    #expect(try reward(.exactMatch, " The Eiffel tower.", gold: ["x", "eiffel tower"]) == 1)
    #expect(try reward(.exactMatch, "tower", gold: ["eiffel tower"]) == 0)
    #expect(try reward(.f1, "tower", gold: ["eiffel tower"]) == 2.0 / 3)
  }

  @Test func expressionsMatchInAnAnswerOrAllOfIt() throws {
    let date = #"\d{4}-\d\d-\d\d"#
    #expect(try reward(.regex(date), "on 2024-05-01, or so") == 1)
    #expect(try reward(.regex(date, whole: true), "on 2024-05-01") == 0)
    #expect(try reward(.regex(date, whole: true), " 2024-05-01\n") == 1)
    #expect(try reward(.regex("yes|yes sir", whole: true), "yes sir") == 0, "the first alternative is the match")
    let error = inputError { _ = try Reward.regex("(", subject: "t.toml: reward.pattern") }
    #expect(error?.subject == "t.toml: reward.pattern")
  }

  @Test func validJSONIsWorthSomethingAndItsKeysMore() throws {
    let keys = Reward.json(keys: ["name", "age"])
    for (text, value) in [
      (#"{"name": "A", "age": 3}"#, 1.0), (#" {"name": "A"}"#, 2.0 / 3), ("[1]", 1.0 / 3), ("{name: 1}", 0), ("", 0),
    ] {
      #expect(try reward(keys, text) == value, "\(text)")
    }
    #expect(try reward(.json(), "[1, 2]") == 1)
  }

  @Test func lengthsAreNearOrFar() throws {
    let four = Reward.length(4)
    for (text, value) in [("a b c d", 1.0), ("a b", 0.5), ("", 0), ("a b c d e", 0.75), ("a b c d e f g h i", 0)] {
      #expect(try reward(four, text) == value, "\(text)")
    }
    #expect(try reward(.length(10, unit: .characters), " 12345 ") == 0.5)
  }

  @Test func closuresAreCheckedForNumbers() throws {
    let answers = ["a", "b"].map { RewardedAnswer(prompt: "p", answer: $0, row: ["x": 1]) }
    #expect(try Reward("own") { $0.row["x"] == 1 && $0.answer == "a" ? 2 : -1 }.rewards(of: answers) == [2, -1])
    struct Broken: Error {}
    for (reward, found) in [
      (Reward("own", ofMany: { $0.map { _ in .nan } }), "nan for the answer 'a'"),
      (Reward("own", ofMany: { _ in [1] }), "1 rewards"),
      (Reward("own", ofMany: { _ in throw Broken() }), "the error Broken()"),
    ] {
      let error = inputError { _ = try reward.rewards(of: answers) }
      #expect(error?.subject == "reward 'own'" && error?.found == found)
    }
    #expect(try Reward("own", ofMany: { _ in [1] }).rewards(of: []) == [])
  }

  private static let capitals: JSON = [
    "kind": "reward", "prompt": "The capital of {country} is",
    "reward": ["builtin": "exact-match", "answer": "{capital}", "max-tokens": 4, "stop": ["."]],
  ]

  private func rows(_ task: TextTask, _ text: String, isAsked: Bool = false) throws -> [Example] {
    let fixture = try DataFixture(["a.csv": text])
    return try task.rows(at: "\(fixture.path)/a.csv", isAsked: isAsked).examples
  }

  @Test func aFileSaysWhatIsAskedAndHowItIsScored() throws {
    let task = try TaskFileTests.task(Self.capitals)
    let example = try rows(task, "country,capital,id\nItaly,Rome,7\n")[0]
    #expect(task.kind == .reward && task.metrics == [.reward] && task.objectives == [.reward])
    #expect(task.prompt?(example) == "The capital of Italy is" && example.answers == ["Rome"])
    #expect(
      example.row == ["capital": "Rome", "country": "Italy", "id": "7"], "the whole row, in the order of its names")
    #expect(task.answerEnd == AnswerEnd(length: 4, texts: ["."]) && task.sampling == AnswerSampling())
    #expect(task.reward?.program == nil && task.reward?.name == "exact-match")
    #expect(try rows(task, "country\nItaly\n", isAsked: true)[0].answers == [])
    var drawn = Self.capitals
    drawn["reward"] = ["builtin": "length", "target": 3, "temperature": 0.7, "top-p": 0.9, "seed": 5]
    let sampling = try TaskFileTests.task(drawn).sampling
    #expect(try sampling == AnswerSampling(TokenChoice(temperature: 0.7, topP: 0.9), seed: 5))
    let page = try task.text()
    #expect(
      page.contains("reward       1 where the answer equals") && page.contains("4 tokens at most, the most likely"))
  }

  @Test func aProgramIsNamedAndNotStarted() throws {
    var json = Self.capitals
    json["reward"] = ["command": ["python3", "my score.py"], "time-limit": 5]
    let task = try TaskFileTests.task(json, path: "/nowhere/own.toml")
    #expect(task.reward?.program == #"python3 "my score.py" in /nowhere"#)
    #expect(try task.text().contains(#"starts python3 "my score.py" in /nowhere"#))
    // Where it lies and how long is waited for it may change while a run goes on.
    json["reward"] = ["command": ["./score"]]
    #expect(try TaskFileTests.task(json, path: "own.toml").identity == task.identity)
    json["reward"] = ["command": ["./score"], "max-tokens": 3]
    #expect(try TaskFileTests.task(json, path: "own.toml").identity != task.identity)
  }

  @Test(
    arguments: [
      (nil, "[reward]", "nothing", "a table with command or builtin"),
      ("python3 score.py", "[reward]", "\"python3 score.py\"", "a table with command or builtin"),
      ([:], "[reward]", "neither command nor builtin", "command = [\"python3\""),
      (["command": ["a"], "builtin": "f1"], "[reward]", "command and builtin", "command = ["),
      (["command": "python3 score.py"], "reward.command", "\"python3 score.py\"", "an array of texts"),
      (["command": []], "reward.command", "an array of 0", "an array of texts"),
      (["builtin": "f2"], "reward.builtin", "'f2'", "perhaps 'f1'"),
      (["builtin": "f1"], "reward.answer", "nothing", "the right answer"),
      (
        ["builtin": "f1", "answer": "{a}", "pattern": "x"], "reward.pattern",
        "a key that the reward 'f1' does not have", "answers"
      ),
      (["builtin": "regex", "pattern": "("], "reward.pattern", "\"(\"", "a regular expression"),
      (["builtin": "length"], "reward.target", "nothing", "the length"),
      (["builtin": "length", "target": 0], "reward.target", "0", "at least 1"),
      (["builtin": "json", "temperature": -1], "reward.temperature", "-1", "at least 0"),
      (["builtin": "json", "temperature": 1, "top-p": 0], "reward.top-p", "0", "above 0"),
      (["builtin": "json", "top-p": 0.5], "reward.top-p", "it without a temperature", "a temperature"),
      (["builtin": "json", "temperature": 1, "seed": -1], "reward.seed", "-1", "at least 0"),
      (
        ["builtin": "json", "time-limit": 3], "reward.time-limit", "a key that the reward 'json' does not have", "keys"
      ),
      (["command": ["a"], "time-limit": 0], "reward.time-limit", "0", "seconds above 0"),
      (["command": ["a"], "tokens": 3], "reward.tokens", "a key that a program does not have", "max-tokens"),
    ] as [(JSON?, String, String, String)])
  func whatIsWrongIsNamed(reward: JSON?, subject: String, found: String, expected: String) {
    var members = [JSON.Member("kind", "reward"), .init("prompt", "{q}")]
    if let reward { members.append(.init("reward", reward)) }
    let error = inputError { _ = try TaskFileTests.task(.object(members)) }
    #expect(error?.subject == "own.toml: \(subject)" && error?.found == found)
    #expect(error?.expected.contains(expected) == true, "\(error?.expected ?? "")")
  }
}
