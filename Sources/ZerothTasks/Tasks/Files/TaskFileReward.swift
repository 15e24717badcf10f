import Foundation
import Zeroth
import ZerothModels
import ZerothSupport

extension TaskFile {
  /// A task with a prompt and a reward for the answer: a program, or a built-in reward.
  ///
  ///     prompt = "{question}"
  ///     [reward]
  ///     command = ["python3", "score.py"]
  ///     max-tokens = 16
  func rewarded() throws(InputError) -> TextTask {
    let prompt = try requiredTemplate("prompt")
    let table = try RewardTable(self)
    _ = try metrics(.reward, usual: [.reward])
    let columns = prompt.columns
    let group = try groups()
    let (gold, others) = (table.gold, table.others)
    var task = TextTask(
      name: try name, summary: try summary, reward: table.reward,
      prompt: { example in prompt.filled { example[$0] } },
      read: { record in
        guard record.hasText(columns) else {
          _ = try record.cells(columns)
          return []
        }
        var answers: [String] = []
        if !record.ignoresLabels {
          if let gold { answers.append(try gold.filled { try record.cell($0) }) }
          if let others { answers += try record.cells(others) }
        }
        var example = Example(
          fields: try record.cells(columns), answers: answers, label: 0, splitKey: try record.key(group),
          source: record.source)
        example.row = record.json
        return [example]
      })
    task.sampling = table.sampling
    task.answerEnd = table.end
    if let gold { task.isLabelled = { $0.hasText(gold.columns) } }
    task.columns = (columns + (gold?.columns ?? [])).map { [$0] }
    task.identity = table.identity.description
    task.shownWithoutRow = shown(columns, answers: gold.map { [$0.filled { "{\($0)}" }] } ?? [])
    return task
  }
}

/// The content of the table [reward].
private struct RewardTable {
  /// The built-in rewards, and the keys of each.
  private enum BuiltIn: String, CaseIterable {
    case exactMatch = "exact-match"
    case f1, regex, json, length

    var keys: [String] {
      switch self {
      case .exactMatch, .f1: ["answer", "answers"]
      case .regex: ["pattern", "whole"]
      case .json: ["keys"]
      case .length: ["target", "unit"]
      }
    }
  }

  private static let commonKeys = [
    "command", "builtin", "max-tokens", "stop", "temperature", "top-p", "seed",
  ]

  let reward: Reward
  let sampling: AnswerSampling
  let end: AnswerEnd
  /// The template of the right answer of a row, and the column with other right answers.
  let gold: RowTemplate?
  let others: String?
  /// The content of the whole file, except for how a program is started, which may change while a run goes on.
  let identity: JSON

  init(_ whole: TaskFile) throws(InputError) {
    guard let json = whole.value("reward"), let members = json.members else {
      throw InputError(
        whole.subject("[reward]"), found: whole.value("reward")?.summary ?? "nothing",
        expected: "a table with command or builtin")
    }
    let file = TaskFile(path: whole.path, table: "reward", json: json)
    let builtIn = json["builtin"] == nil ? nil : try file.choice("builtin", BuiltIn.allCases, default: nil)
    guard (builtIn == nil) != (json["command"] == nil) else {
      throw InputError(
        whole.subject("[reward]"), found: builtIn == nil ? "neither command nor builtin" : "command and builtin",
        expected:
          "command = [\"python3\", \"score.py\"], or builtin = one of \(BuiltIn.allCases.map(\.rawValue).joined(separator: ", "))"
      )
    }
    let keys = Self.commonKeys + (builtIn?.keys ?? ["time-limit"])
    for member in members where !keys.contains(member.key) {
      throw InputError(
        file.subject(member.key),
        found: "a key that \(builtIn.map { "the reward '\($0.rawValue)'" } ?? "a program") does not have",
        expected: Suggestion.expected(for: member.key, among: keys))
    }
    var (gold, others): (RowTemplate?, String?) = (nil, nil)
    switch builtIn {
    case .exactMatch?, .f1?:
      gold = try file.template("answer")
      others = try file.string("answers")
      guard gold != nil || others != nil else {
        throw InputError(
          file.subject("answer"), found: "nothing",
          expected: "the right answer, such as {capital}, or answers, a column")
      }
      reward = builtIn == .f1 ? .f1 : .exactMatch
    case .regex?:
      let pattern = try file.required("pattern", "a regular expression")
      reward = try .regex(pattern, whole: try file.bool("whole", default: false), subject: file.subject("pattern"))
    case .json?: reward = .json(keys: try file.strings("keys") ?? [])
    case .length?:
      guard let target = try file.count("target") else {
        throw InputError(file.subject("target"), found: "nothing", expected: "the length that is worth 1")
      }
      reward = .length(target, unit: try file.choice("unit", Reward.LengthUnit.allCases, default: .words))
    case nil:
      guard let command = try file.strings("command") else { preconditionFailure("the key is there") }
      reward =
        RewardProgram(
          command, in: file.folder,
          limit: try file.number("time-limit", default: 60, "a number of seconds above 0") { $0 > 0 },
          subject: file.subject("command")
        ).reward
    }
    (self.gold, self.others) = (gold, others)
    let choice: TokenChoice
    do {
      choice = try TokenChoice(
        temperature: try file.number("temperature", default: 0, "a number, at least 0") { $0 >= 0 },
        topP: try file.number("top-p", default: 1, "a number above 0 and at most 1") { $0 > 0 && $0 <= 1 })
    }
    if choice.temperature == 0, let key = ["top-p", "seed"].first(where: { json[$0] != nil }) {
      throw InputError(
        file.subject(key), found: "it without a temperature", expected: "a temperature above 0 beside it")
    }
    guard let seed = json["seed"].map(\.integer) ?? 0, seed >= 0 else {
      throw InputError(file.subject("seed"), found: json["seed"]?.summary ?? "", expected: "an integer, at least 0")
    }
    sampling = AnswerSampling(choice, seed: UInt64(seed))
    end = try file.answerEnd(texts: [], length: TextTask.maximalAnswerLength)
    let kept = members.filter { !["command", "time-limit"].contains($0.key) }
    var identity = whole.content
    identity["reward"] = .object(kept)
    self.identity = identity
  }
}

extension TaskFile {
  /// The folder of the file.
  fileprivate var folder: String {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    return folder.isEmpty ? "." : folder
  }

  fileprivate func number(
    _ key: String, default other: Double, _ expected: String, _ isValid: (Double) -> Bool
  ) throws(InputError) -> Double {
    guard let value = value(key) else { return other }
    guard let number = value.double, isValid(number) else {
      throw InputError(subject(key), found: value.summary, expected: expected)
    }
    return number
  }
}
