import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothModels
import ZerothResources
import ZerothSupport
import ZerothTasks

@testable import ZerothCommands

/// `generate` and `predict` as a user meets them.
@Suite struct GenerateTests {
  func zeroth(_ arguments: [String], input: String = "") throws -> Execution {
    try Execution(Execution.products.appendingPathComponent("zeroth").path, arguments, input: input)
  }

  private static let prompt = "this film is a great"

  /// What the library generates greedily.
  private func expected(_ count: Int) throws -> String {
    let model = try #require(try loadModel(directory: Embedded.model()) as? CausalModel)
    let tokenizer = try loadTokenizer(directory: Embedded.model(), for: model)
    let ids = tokenizer.encode(Self.prompt)
    let tokens = try #require(
      try model.generateGreedily(ids, count: count, at: model.loadFrozenParameters()) {
        $0.last.map(model.endTokens.contains) ?? false
      })
    let words = tokenizer.decode(ids + tokens)
    return String(words.dropFirst(tokenizer.decode(ids).count))
  }

  @Test func thePromptIsContinued() throws {
    let text = try expected(12)
    let arguments = ["generate", "--model", "imdb-opt", "--max-tokens", "12"]
    let output = try zeroth(arguments + ["--prompt", Self.prompt])
    #expect(output.status == 0 && output.out == text + "\n", "\(output.err)\(output.out)")
    let lines = try zeroth(arguments, input: Self.prompt + "\n\n" + Self.prompt + "\n")
    #expect(lines.out == text + "\n" + text + "\n")
    #expect(lines.err == "line 2 of standard input is empty, and is no prompt\n")
    let json = try JSON(parsing: zeroth(arguments + ["--prompt", Self.prompt, "--json"]).out, subject: "out")
    #expect(json["text"]?.string == text && json["prompt"]?.string == Self.prompt && json["end"] == "max-tokens")
    #expect(json["tokens"]?.integer == 12)
    let compared = try JSON(
      parsing: zeroth(arguments + ["--prompt", Self.prompt, "--json", "--compare", "imdb-opt"]).out, subject: "out")
    #expect(compared["compared"]?["text"]?.string == text)
    let table = try zeroth(arguments + ["--prompt", Self.prompt, "--compare", "imdb-opt"])
    #expect(table.out.contains("imdb-opt") && table.out.contains(" | "))
  }

  /// A model whose output is not finite is said, and ends the command with status 1.
  @Test func outputThatIsNotFiniteIsSaid() throws {
    let scratch = try Scratch()
    let model = scratch.path + "/model"
    try FileManager.default.copyItem(atPath: Embedded.model(), toPath: model)
    let weights = URL(fileURLWithPath: model + "/model.safetensors")
    var bytes = try Data(contentsOf: weights)
    // All bits of a half are one: NaN.
    bytes.replaceSubrange((bytes.count - 4096)..<bytes.count, with: Data(repeating: 0xff, count: 4096))
    try bytes.write(to: weights)
    let output = try zeroth(["generate", "--model", model, "--prompt", Self.prompt, "--max-tokens", "4"])
    #expect(output.status == 1 && output.err.contains("not finite"), "\(output.err)")
  }

  /// The files of a command that failed are removed, and those that were there stay.
  @Test func remainsAreRemoved() throws {
    let scratch = try Scratch()
    for folder in [scratch.path + "/new", scratch.path] {
      _ = try? scratch.write(["mine"], to: "mine.txt")
      #expect(throws: CancellationError.self) {
        try WrittenPlace.removingRemains(in: folder) {
          try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
          try Data("{}".utf8).write(to: URL(fileURLWithPath: folder + "/config.json"))
          throw CancellationError()
        }
      }
      #expect(!FileManager.default.fileExists(atPath: folder + "/config.json"))
    }
    #expect(!FileManager.default.fileExists(atPath: scratch.path + "/new"))
    #expect(FileManager.default.fileExists(atPath: scratch.path + "/mine.txt"))
  }

  @Test func aFileThatIsReadIsNotWritten() throws {
    let scratch = try Scratch()
    let data = try scratch.write([#"{"sentence": "a good film", "label": 1}"#], to: "rows.jsonl")
    for arguments in [
      ["predict", "--out", data], ["evaluate", "--predictions", scratch.path + "/./rows.jsonl"],
    ] {
      let output = try zeroth(arguments + ["--model", "imdb-opt", "--task", "sst2", "--data", data])
      #expect(output.status == 2 && output.err.contains("that is read"), "\(output.err)")
    }
    #expect(try String(contentsOfFile: data, encoding: .utf8).contains("a good film"))
    #expect("runs/a-1".quotedForShell == "runs/a-1" && "a b's".quotedForShell == "'a b'\\''s'")
  }

  @Test func theSeedDecidesWhatIsDrawn() throws {
    func drawn(_ seed: Int, _ more: [String] = []) throws -> String {
      let output = try zeroth(
        [
          "generate", "--model", "imdb-opt", "--prompt", "a", "--max-tokens", "16", "--temperature", "1", "--seed",
          "\(seed)",
        ]
          + more)
      #expect(output.status == 0, "\(output.err)")
      return output.out
    }
    #expect(try drawn(1) == drawn(1) && drawn(1) != drawn(2))
    // So small a part holds the most likely token alone.
    let greedy = try zeroth(["generate", "--model", "imdb-opt", "--prompt", "a", "--max-tokens", "16"])
    #expect(try drawn(1, ["--top-p", "0.000001"]) == greedy.out)
  }

  @Test(arguments: [
    (["--prompt", "a", "--temperature", "-1"], "temperature: found -1.0, expected a number, at least 0"),
    (["--prompt", "a", "--top-p", "0", "--temperature", "1"], "top-p: found 0.0, expected a number above 0"),
    (["--prompt", "a", "--top-p", "0.5"], "--top-p: found 0.5 at temperature 0, expected it with --temperature"),
    (["--prompt", "a", "--max-tokens", "0"], "--max-tokens: found 0, expected at least 1"),
    (["--prompt", "a", "--chat"], "found no chat template"),
    ([], "standard input: found no prompt"),
  ])
  func badInputIsOneLine(arguments: [String], says: String) throws {
    let output = try zeroth(["generate", "--model", "imdb-opt"] + arguments)
    #expect(
      output.status == 2 && output.err.contains(says) && output.err.split(separator: "\n").count == 1, "\(output.err)")
    #expect(output.out.isEmpty)
  }

  @Test func rowsAreAnsweredWithoutLabels() throws {
    try withFolder { folder in
      try "sentence\na dull film\na great film\n".write(toFile: folder + "/a.csv", atomically: true, encoding: .utf8)
      let predict = ["predict", "--model", "imdb-opt", "--task", "sst2", "--data", folder + "/a.csv"]
      let output = try zeroth(predict)
      let rows = try output.out.split(separator: "\n").map { try JSON(parsing: String($0), subject: "row") }
      #expect(output.status == 0 && rows.count == 2, "\(output.err)")
      #expect(rows.allSatisfy { ["0", "1"].contains($0["prediction"]?.string) && $0["scores"]?.elements?.count == 2 })
      #expect(rows.map { $0["line"]?.integer } == [2, 3])
      #expect(try zeroth(predict + ["--out", folder + "/p.jsonl"]).out.isEmpty)
      #expect(try String(contentsOfFile: folder + "/p.jsonl", encoding: .utf8) == output.out)
      let json = try JSON(parsing: zeroth(predict + ["--json"]).out, subject: "out")
      #expect(json["count"] == 2 && json["unanswered"] == 0 && json["rows"]?.elements == rows)
      let folders = try zeroth(["predict", "--model", "imdb-opt", "--task", "sst2", "--data", folder])
      #expect(folders.status == 2 && folders.err.contains("expected a file"))

      // A whole file is scored, and a task of a file explained.
      try "1 a great film\n0 a dull film\n1 fine\n".write(toFile: folder + "/b.txt", atomically: true, encoding: .utf8)
      let scored = try zeroth(
        ["evaluate", "--model", "imdb-opt", "--task", "sst2", "--data", folder + "/b.txt", "--json"])
      let score = try JSON(parsing: scored.out, subject: "out")
      #expect(score["examples"] == 3 && score["split"] == "all", "\(scored.err)")
      let task = folder + "/own.toml"
      try "kind = \"text\"\n".write(toFile: task, atomically: true, encoding: .utf8)
      let explained = try zeroth(["explain", task])
      #expect(explained.status == 0 && explained.out.contains("own: a task of one's own"), "\(explained.err)")
      let wrong = try zeroth(["predict", "--model", "imdb-opt", "--task", task, "--data", folder + "/b.txt"])
      #expect(wrong.status == 2 && wrong.err.contains("which ask nothing"))
    }
  }

  @Test func textsStandBesideEachOther() {
    let text = SideBySide.text([("left", "one two three"), ("right", "four")], width: 35)
    #expect(text == "left             | right\n---------------- | ----------------\none two three    | four\n")
    let long = SideBySide.text([("a", "1234567890123456789 x"), ("b", "")], width: 35)
    #expect(
      long.split(separator: "\n").map { $0.split(separator: "|")[0].trimmingCharacters(in: .whitespaces) } == [
        "a", "----------------", "1234567890123456", "789 x",
      ])
  }

  /// Bytes of a character that comes in several tokens are held back until it is whole.
  @Test func aCharacterComesWhole() throws {
    let tokenizer = try loadTokenizer(directory: Embedded.model())
    let (prompt, text) = (tokenizer.encode("a film"), " é👩🏽‍🚀 good")
    let tokens = tokenizer.encode(text, addSpecialTokens: false)
    var stream = StreamedText(tokenizer, after: prompt)
    var parts: [String] = []
    for count in 1...tokens.count { parts.append(stream.take(Array(tokens.prefix(count)))) }
    parts.append(stream.finish(tokens))
    #expect(parts.joined() == text && stream.text == text)
    #expect(!parts.contains { $0.contains("\u{FFFD}") } && parts.filter { !$0.isEmpty }.count > 1)
  }

  /// A mark that is no token of its own ends the text where it is whole, and no part of it is given before.
  @Test func aMarkInTheTextEndsIt() throws {
    let tokenizer = try loadTokenizer(directory: Embedded.model())
    let (prompt, said) = (tokenizer.encode("a film"), " good<| film<|end|> and more")
    let tokens = tokenizer.encode(said, addSpecialTokens: false)
    var stream = StreamedText(tokenizer, after: prompt, end: AnswerEnd(texts: ["<|end|>"]))
    var parts: [String] = []
    for count in 1...tokens.count where !stream.isEnded { parts.append(stream.take(Array(tokens.prefix(count)))) }
    #expect(stream.isEnded && stream.finish(tokens).isEmpty)
    #expect(parts.joined() == " good<| film" && parts.filter { !$0.isEmpty }.count > 1)
  }
}
