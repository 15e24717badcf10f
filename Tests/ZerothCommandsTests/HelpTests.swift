import Foundation
import TestSupport
import Testing
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTraining

/// What the tool says of itself: help, completions, explanations, and docs/options.md.
@Suite struct HelpTests {
  private func zeroth(_ arguments: [String]) throws -> Execution {
    try Execution(Execution.products.appendingPathComponent("zeroth").path, arguments)
  }

  /// The text in single spaces, whatever the width at which the parser broke its lines.
  private func flowing(_ text: String) -> String {
    text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  @Test func helpOfTrainComesFromTheOptions() throws {
    let output = try zeroth(["train", "--help"])
    #expect(output.status == 0 && output.err.isEmpty)
    let help = flowing(output.out)
    for name in Shortcut.all.flatMap(\.names) + [
      "config", "set", "resume", "plugin", "check-plugins", "plain", "json", "help",
    ] {
      #expect(help.contains("--\(name)"), "\(name)")
    }
    for shortcut in Shortcut.all {
      guard let spec = RunSettings.options(of: shortcut.table)?.first(where: { $0.name == shortcut.key }) else {
        continue
      }
      #expect(help.contains(flowing(spec.documentation.dropFirst().description)), "\(spec.documentation)")
      if spec.kind != .string { #expect(help.contains(flowing("\(spec.expected.dropFirst())")), "\(spec.expected)") }
      #expect(help.contains(flowing(spec.defaultWords)), "\(spec.defaultWords)")
    }
    #expect(help.contains("An integer, at least 1; default: 50. Of estimator lge, low-rank-forward-gradient."))
    #expect(help.contains("A number, at least 0; required. Of every rule."))
    #expect(help.contains("--learning-rate, --lr"))
    #expect(help.contains("The adapter: none, dizo, learning-rate-scaling, previous-iterate;"))
    #expect(try zeroth(["train"]).out == output.out)
  }

  @Test(arguments: [
    [], ["train"], ["sweep"], ["compare"], ["report"], ["evaluate"], ["replay"], ["demo"], ["diagnose"], ["verify"],
    ["inspect"],
    ["list"], ["explain"], ["tokenize"], ["predict"], ["generate"],
    ["convert"], ["bench"], ["bench", "step"], ["bench", "pair"], ["bench", "forward"], ["bench", "noise"],
    ["bench", "gemm"],
    ["bench", "memory"], ["bench", "scaling"], ["bench", "decode"], ["bench", "table"],
  ])
  func everyCommandHasHelp(_ command: [String]) throws {
    let output = try zeroth(command + ["--help"])
    #expect(output.status == 0 && output.err.isEmpty)
    #expect(output.out.contains("USAGE: zeroth"))
    #expect(try zeroth(["help"] + command).out == output.out)
    // Every option says what it means, and its default where it has a value.
    let arguments = output.out.components(separatedBy: "\n  <").dropFirst()
    let options = output.out.components(separatedBy: "\n  --").dropFirst().filter { option in
      option.prefix { $0 != "\n" }.contains("<")
    }
    for entry in arguments + options {
      let words = flowing(entry.components(separatedBy: "\n\n")[0]).lowercased()
      #expect(words.contains("default: ") || words.contains("required"), "\(words)")
    }
  }

  @Test(arguments: ["bash", "zsh", "fish"]) func completionScriptsKnowTheOptionsOfTrain(shell: String) throws {
    let output = try zeroth(["--generate-completion-script", shell])
    #expect(output.status == 0 && output.err.isEmpty)
    for name in Shortcut.all.flatMap(\.names) + ["config", "set", "resume", "plugin"] {
      #expect(output.out.contains(shell == "fish" ? "-l '\(name)'" : "--\(name)"), "\(name)")
    }
    for word in ["lozo-m", "hizoo", "multirc", "language-modeling", "mt19937", "cosine"] {
      #expect(output.out.contains(word), "\(word)")
    }
  }

  @Test func theBashScriptCompletes() throws {
    try withFolder { folder in
      let script = "\(folder)/zeroth.bash"
      try zeroth(["--generate-completion-script", "bash"]).out.write(toFile: script, atomically: true, encoding: .utf8)
      func complete(_ words: String...) throws -> Set<String> {
        let line = (["zeroth"] + words).joined(separator: " ")
        let program = """
          source \(script); COMP_WORDS=(zeroth \(words.map { "'\($0)'" }.joined(separator: " ")))
          COMP_CWORD=\(words.count); COMP_LINE='\(line)'; COMP_POINT=\(line.count); COMP_TYPE=9; COMP_KEY=9
          _zeroth zeroth '\(words.last ?? "")' '\(words.dropLast().last ?? "zeroth")'
          printf '%s\\n' "${COMPREPLY[@]}"
          """
        let output = try Execution("/bin/bash", ["-c", program])
        return Set(output.out.split(whereSeparator: \.isWhitespace).map(String.init))
      }
      #expect(try complete("tr") == ["train"])
      #expect(try complete("train", "--ep") == ["--epsilon"])
      #expect(try complete("train", "--le") == ["--learning-rate"])
      #expect(try complete("train", "--optimizer", "lozo") == ["lozo", "lozo-m", "lozo-lora"])
      #expect(try complete("train", "--objective", "l") == ["language-modeling"])
      #expect(try complete("explain", "sst") == ["sst2", "sst5"])
    }
  }

  @Test(arguments: TaskRegistry.standard.tasks.map(\.name)) func tasksAreExplained(_ name: String) throws {
    let task = try TaskRegistry.standard.task(named: name)
    let example = try #require(try task.shownExample())
    #expect(task.exampleRow != nil && !example.source.file.isEmpty)
    let text = try zeroth(["explain", name]).out
    #expect(text.hasPrefix("task \(name): \(task.summary)"))
    for words in task.classes.map(\.word) + task.objectives.map(\.name) + task.metrics.map(\.displayName) {
      #expect(text.contains(words), "\(words)")
    }
    for column in example.fields.keys where task.exampleRow?[column] != nil {
      #expect(text.contains(column), "\(column)")
    }
    for line in (task.prompt?(example) ?? "").split(separator: "\n") { #expect(text.contains(line), "\(line)") }
    let json = try JSON(parsing: Data(try zeroth(["explain", name, "--json"]).out.utf8), subject: name)
    let description = try #require(json.elements?.first?["description"])
    #expect(json.elements?.first?["kind"]?.string == "task" && description["name"]?.string == name)
    #expect(description["example"]?["prompt"]?.string == task.prompt?(example))
    #expect((description["example"]?["masked"] != nil) == (task.masked != nil))
    #expect(description["test"]?.integer == task.testSize)
  }

  @Test func aTaskIsExplainedAsItIsAsked() throws {
    #expect(
      try zeroth(["explain", "sst2"]).out == """
        task sst2: sentiment of a sentence from a film review, two classes

        kind         a classification
        classes      terrible (0 or negative), great (1 or positive)
        columns      sentence or text; label
        sizes        train 1000, dev 500, test 1000 at most
        metrics      accuracy
        objectives   cross-entropy, as in the papers; or language-modeling, accuracy

        A row of a data file:
          {"sentence":"a warm , funny film .","label":1}

        What a causal model is asked, with the candidates that it chooses from in brackets:
          a warm , funny film . It was [terrible | great]

        What a masked model is asked, whose mask is one of the classes:
          a warm , funny film . It was<mask>.

        What the label head of another encoder starts from, a sentence a class:
          It was terrible.
          It was great.

        """)
    #expect(try zeroth(["explain", "SST-2"]).out == zeroth(["explain", "sst2"]).out)
  }

  @Test func tablesAreExplained() throws {
    for table in RunSettings.tables {
      let text = try zeroth(["explain", table]).out
      for option in try #require(RunSettings.options(of: table)) {
        for words in [option.name, option.documentation, option.defaultWords] {
          #expect(text.contains(words), "\(words)")
        }
        if case .choice(let words) = option.kind { for word in words { #expect(text.contains(word), "\(word)") } }
        #expect(text.split(separator: "\n").contains { $0.hasPrefix(option.name) && $0.hasSuffix(option.meaning) })
      }
    }
    #expect(try zeroth(["explain", "run"]).out.contains("steps, --steps"))
  }

  /// An option is found by its name, by a short one with dashes, and in one table.
  @Test func optionsAreExplained() throws {
    let rate = try zeroth(["explain", "rule.learning-rate"]).out
    #expect(rate.hasPrefix("option learning-rate of [rule], taken by ") && rate.contains("--learning-rate"), "\(rate)")
    for rule in ["sgd", "lozo-m", "adam"] { #expect(rate.contains(rule)) }
    let anywhere = try zeroth(["explain", "--", "--learning-rate"]).out
    #expect(!rate.contains("[adapter]") && anywhere.contains("[adapter]"))
    #expect(try zeroth(["explain", "eval-every"]).out.hasPrefix("option eval-every of [run]\n"))
    let json = try JSON(parsing: Data(try zeroth(["explain", "interval", "--json"]).out.utf8), subject: "interval")
    let tables = json.elements?.compactMap { $0["description"]?["table"]?.string } ?? []
    #expect(Set(tables) == ["estimator", "adapter"])
    let mistyped = try zeroth(["explain", "learningrate"])
    #expect(mistyped.status == 2 && mistyped.err.contains("perhaps 'learning-rate'"), "\(mistyped.err)")
    #expect(try zeroth(["explain", "adapter"]).out.contains("adapter dizo"))
  }

  /// docs/options.md is what the tool prints; after a change: `zeroth explain --all --markdown > docs/options.md`.
  @Test func theOptionsPageIsTheTools() throws {
    let page = SharedMaterial.package.appendingPathComponent("docs/options.md")
    let printed = try zeroth(["explain", "--all", "--markdown"])
    #expect(printed.status == 0)
    #expect(
      try String(contentsOf: page, encoding: .utf8) == printed.out,
      "zeroth explain --all --markdown > docs/options.md")
  }

  /// docs/zeroth.1 has every command and option; after a change: `make manual`.
  @Test func theManualPageIsTheTools() throws {
    let page = try String(
      contentsOf: SharedMaterial.package.appendingPathComponent("docs/zeroth.1"), encoding: .utf8)
    let dump = try JSON(parsing: zeroth(["--experimental-dump-help"]).out, subject: "help")
    var count = 0
    func check(_ command: JSON) throws {
      guard command["shouldDisplay"] != false else { return }
      if let name = command["commandName"]?.string {
        #expect(page.contains("Em \(name)\n") || name == "zeroth", "\(name)")
      }
      for argument in command["arguments"]?.elements ?? [] where argument["shouldDisplay"] == true {
        for name in argument["names"]?.elements ?? [] where name["kind"] == "long" {
          let name = try #require(name["name"]?.string)
          let isThere = page.contains("Fl -\(name)") || page.contains(", -\(name)")
          #expect(isThere, "make manual: --\(name) is missing")
          count += 1
        }
      }
      for subcommand in command["subcommands"]?.elements ?? [] { try check(subcommand) }
    }
    try check(#require(dump["command"]))
    #expect(count > 100)
  }

  @Test func aToolOfOnesOwnHasItsNameAndTasks() throws {
    func own(_ arguments: String...) throws -> Execution {
      try Execution(Execution.products.appendingPathComponent("own-tool").path, arguments)
    }
    for help in [["--help"], ["train", "--help"], ["bench", "--help"], ["explain", "--help"]] {
      let output = try Execution(Execution.products.appendingPathComponent("own-tool").path, help)
      #expect(output.status == 0 && output.out.contains("own-tool") && !output.out.contains("zeroth "), "\(help)")
    }
    let refused = try own("train", "--model", "nowhere", "--task", "headlines", "--optimizer", "mezo", "--steps", "1")
    #expect(refused.status == 2 && refused.err.hasPrefix("own-tool: nowhere"), "\(refused.err)")
    #expect(
      try own("explain", "headline").err.hasPrefix("own-tool: name: found 'headline', expected perhaps 'headlines'"))
    #expect(try own("list").out.contains("the section of a headline"))
    #expect(try own("explain", "headlines").out.contains("{headline} This is [sport | politics]"))
    #expect(try own("explain", "hizoo").status == 2)
    #expect(try own("--generate-completion-script", "bash").out.contains("headlines"))
  }

  @Test func aToolOfOnesOwnReadsAFamilyOfItsOwn() throws {
    try withFolder { folder in
      let original = SharedMaterial.fixture("families/llama-yarn")
      for name in ["model.safetensors", "golden.json"] {
        try FileManager.default.copyItem(atPath: "\(original)/\(name)", toPath: "\(folder)/\(name)")
      }
      try String(contentsOfFile: original + "/config.json", encoding: .utf8)
        .replacing("\"model_type\": \"llama\"", with: "\"model_type\": \"own_llama\"")
        .write(toFile: folder + "/config.json", atomically: true, encoding: .utf8)
      let tool = Execution.products.appendingPathComponent("own-tool").path
      for command in [["verify"], ["inspect"], ["convert", "--out", folder + "/copy"]] {
        let output = try Execution(tool, command + ["--model", folder])
        #expect(output.status == 0, "\(command): \(output.err)")
      }
      let refused = try zeroth(["inspect", "--model", folder])
      #expect(refused.status == 2 && refused.err.contains("model_type: found \"own_llama\""), "\(refused.err)")
    }
  }
}
